package hosts

import (
	"time"

	"github.com/cenkalti/backoff/v5"
)

// A fault is what is wrong with one part of a host: the connection to it, or its
// engine. The part is left alone for a while after each failure, longer each time.
type fault struct {
	err        error // nil: nothing is known to be wrong
	failed     time.Time
	retryAt    time.Time // when the part may be tried again
	trialUntil time.Time // until when somebody tries, for all others
	pauses     *backoff.ExponentialBackOff
}

func newFault() fault {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = minPause, maxPause
	return fault{pauses: pauses}
}

// note records a failure, and returns for how long the part is left alone.
func (f *fault) note(err error) (pause time.Duration) {
	pause = f.pauses.NextBackOff()
	f.err, f.failed, f.trialUntil = err, time.Now(), time.Time{}
	f.retryAt = f.failed.Add(pause)
	return pause
}

// clear records that the part works.
func (f *fault) clear() { f.err = nil }

// isFresh reports whether the part is to be left alone after its last failure.
func (f *fault) isFresh() bool { return f.err != nil && time.Now().Before(f.retryAt) }

// bars reports whether the part is not to be tried now, or somebody does already.
func (f *fault) bars() bool { return f.isFresh() || f.err != nil && time.Now().Before(f.trialUntil) }
