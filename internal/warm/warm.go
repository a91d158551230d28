// Package warm keeps warm containers on the hosts: they wait for clients that are
// still to come.
//
// A warm container is a session without a client: it takes a slot, has drawn a
// page, and goes to the first client that fits. Every pass over a host compares
// what waits there with what should, and stops or warms up the difference. Nothing
// is kept between passes but how long a host on which they fail is left alone.
//
// One replica at a time makes passes: the one that holds a lease. The lease only
// saves work. That no host ever has too many containers is decided where slots are
// claimed, for which several replicas may race.
package warm

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/reminder"
	"wrpdistributor/internal/session"
)

const (
	usualInterval = time.Second
	renewEvery    = 2  // intervals
	disabledEvery = 60 // intervals, when no container is to wait anywhere

	parallel = 2 // containers warmed up at once on one host; clients have the other places

	minRetry = time.Second // after a pass that failed
	maxRetry = 5 * time.Minute

	shutdownTimeout = 10 * time.Second
)

// Sessions is what the warmer does to sessions. [session.Manager] is one.
type Sessions interface {
	StartWarm(ctx context.Context, host string, tls bool, enough int) (started bool, err error)
	StopSession(ctx context.Context, s *session.Session) (stopped bool, err error)
	Repair(ctx context.Context, s *session.Session) (stopped bool, err error)
	IsCurrent(s *session.Session) bool
}

// A Store is what the warmer reads and writes by itself. [session.Store] is one.
type Store interface {
	WaitingOn(ctx context.Context, host string) ([]session.Session, error)
	Aged(ctx context.Context, host string, waited time.Duration) ([]session.Session, error)
	Drained(ctx context.Context) (map[string]session.Drained, error)
	Lease(ctx context.Context, job, holder string, term time.Duration) (bool, error)
	EndLease(ctx context.Context, job, holder string) error
}

// A Pool is what the warmer knows of the hosts. [hosts.Pool] is one.
type Pool interface {
	Hosts() []hosts.Host
	StatusOf(name string) (hosts.Status, error)
	AwaitFirstCheck(ctx context.Context)
}

// A Warmer keeps as many warm containers as each host of the pool says. All fields
// are required but Release and Interval.
type Warmer struct {
	Sessions Sessions
	Store    Store
	Pool     Pool
	Gateway  bool          // clients reach the containers through a gateway
	MaxAge   time.Duration // a container that has waited for longer is replaced
	Release  bool          // stop what waits when Run ends
	Log      *slog.Logger

	// Interval is between passes over a host, and a measure for what is done less
	// often; 0: a second.
	Interval time.Duration

	counts counts
}

// Run maintains warm containers until ctx is done. Hosts may come and go meanwhile.
func (w *Warmer) Run(ctx context.Context) error {
	l := &lease{store: w.Store, holder: rand.Text(), log: w.Log}
	w.counts.lease.Store(l)
	quiet := &lease{store: w.Store, holder: l.holder, log: slog.New(slog.DiscardHandler)} // nobody waits for what it is for
	for ctx.Err() == nil {
		if w.isEnabled() {
			w.runEnabled(ctx, l)
		} else {
			w.runDisabled(ctx, quiet)
		}
	}
	return nil
}

// runEnabled keeps containers warm until ctx is done, or none is to wait any more.
func (w *Warmer) runEnabled(ctx context.Context, l *lease) {
	working, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	maintained := make(map[string]chan struct{}) // closed when nobody maintains the host any more
	for l.renew(ctx); w.isEnabled(); l.renew(ctx) {
		for _, h := range w.Pool.Hosts() {
			if done := maintained[h.Name]; done != nil && !isClosed(done) {
				continue
			}
			done := make(chan struct{})
			maintained[h.Name] = done
			wg.Go(func() { w.maintain(working, h.Name, l); close(done) })
		}
		if clock.Sleep(ctx, renewEvery*w.interval()) != nil {
			break
		}
	}
	stop()
	wg.Wait()
	w.shutDown(l, ctx.Err() != nil && w.Release)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (w *Warmer) interval() time.Duration { return cmp.Or(w.Interval, usualInterval) }

// isEnabled reports whether containers are to wait on any host.
func (w *Warmer) isEnabled() bool {
	return slices.ContainsFunc(w.Pool.Hosts(), func(h hosts.Host) bool { return h.Warm+h.WarmTLS > 0 })
}

// runDisabled stops what waits since the settings were others, unless another
// replica maintains it. It gives the lease up after each pass, so that a replica
// that is to keep containers warm does not wait for it.
func (w *Warmer) runDisabled(ctx context.Context, l *lease) {
	for w.Pool.AwaitFirstCheck(ctx); ctx.Err() == nil && !w.isEnabled(); w.rest(ctx) {
		l.renew(ctx)
		if l.held.Swap(false) {
			w.stopAll(ctx)
			l.end()
		}
	}
}

// rest waits for the next pass that is made while no container is to wait anywhere, or
// until one is.
func (w *Warmer) rest(ctx context.Context) {
	for range disabledEvery {
		if clock.Sleep(ctx, w.interval()) != nil || w.isEnabled() {
			return
		}
	}
}

// shutDown lets another replica go on at once, and may stop what waits before.
func (w *Warmer) shutDown(l *lease, release bool) {
	if !l.held.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if release {
		w.stopAll(ctx)
	}
	l.held.Store(false)
	l.end()
}

// stopAll stops what waits on all hosts that are up.
func (w *Warmer) stopAll(ctx context.Context) {
	var wg sync.WaitGroup
	for _, h := range w.Pool.Hosts() {
		if h.Warm, h.WarmTLS = 0, 0; !w.isUp(h) {
			continue
		}
		wg.Go(func() {
			if _, err := w.Reconcile(ctx, h); err != nil {
				w.Log.Warn("stop warm containers failed", "host", h.Name, "err", err)
			}
		})
	}
	wg.Wait()
}

// maintain makes passes over one host while this replica has the lease, until the pool
// has no such host any more.
func (w *Warmer) maintain(ctx context.Context, name string, l *lease) {
	retries := backoff.NewExponentialBackOff()
	retries.InitialInterval, retries.MaxInterval = minRetry, maxRetry
	var trouble reminder.Trouble
	for ctx.Err() == nil {
		st, err := w.Pool.StatusOf(name)
		if err != nil {
			return
		}
		pause := w.interval()
		if l.held.Load() && st.State == hosts.Up {
			pause = w.pass(ctx, st.Host, retries, &trouble)
		}
		_ = clock.Sleep(ctx, pause) // the loop looks at ctx itself
	}
}

// pass makes one pass over a host, and returns when to make the next: at once if
// there is more to do, and later and later while passes fail.
func (w *Warmer) pass(ctx context.Context, h hosts.Host, retries *backoff.ExponentialBackOff, trouble *reminder.Trouble) time.Duration {
	more, err := w.Reconcile(ctx, h)
	if err != nil {
		w.counts.failed.Add(1)
		retryIn := max(w.interval(), retries.NextBackOff()).Round(time.Millisecond)
		if ctx.Err() == nil && trouble.Due(err) {
			w.Log.WarnContext(ctx, "keep containers warm failed; will retry", "host", h.Name, "retry_in", retryIn, "err", err)
		}
		return retryIn
	}
	retries.Reset()
	trouble.Over()
	if more {
		return 0
	}
	return w.interval()
}

// isUp reports whether a host takes containers. On one that does not, nothing is
// changed.
func (w *Warmer) isUp(h hosts.Host) bool { return w.status(h).State == hosts.Up }

// lacksCertificate reports whether a host takes no TLS containers, though it may take
// others.
func (w *Warmer) lacksCertificate(h hosts.Host) bool { return w.status(h).NoTLS != "" }

// status returns what is known of a host.
func (w *Warmer) status(h hosts.Host) hosts.Status {
	st, _ := w.Pool.StatusOf(h.Name) // a host that is not configured is not up
	return st
}
