// Package warm keeps containers waiting for clients that are still to come.
//
// A waiting container is a session without a client: it takes a slot, has drawn a
// page, and goes to the first client that fits. Every pass compares what waits on
// a host with what should, and ends or prepares the difference. Nothing is kept
// between passes but how long a host that fails is left alone.
//
// One replica at a time does the work: the one that holds a lease. The lease only
// saves work. That no host ever has too many is decided where slots are claimed,
// for which several keepers may race.
package warm

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

const (
	job = "warm"

	interval     = time.Second // between passes
	idleInterval = time.Minute // when nothing is to wait anywhere
	leaseFactor  = 15          // of the interval; the lease is renewed three times in it

	parallel = 2 // containers prepared at once on one host; clients have the other places

	minPause = time.Second // after a preparation that failed
	maxPause = 5 * time.Minute

	releaseTimeout = 10 * time.Second
)

// A Keeper keeps containers waiting, as many as each host of the pool says. All
// fields are required, but Release.
type Keeper struct {
	Sessions *session.Manager
	Pool     *hosts.Pool
	MaxAge   time.Duration // a container that has waited for longer is replaced
	Release  bool          // end what waits when Run ends
	Log      *slog.Logger

	mine atomic.Bool // this keeper has the lease
}

// Run keeps containers waiting until ctx is done.
func (k *Keeper) Run(ctx context.Context) error {
	every := k.interval()
	holder := rand.Text()
	k.lease(ctx, holder, every)
	var wg sync.WaitGroup
	for _, h := range k.Pool.Hosts() {
		wg.Go(func() { k.keep(ctx, h, every) })
	}
	for tick := time.NewTicker(leaseFactor / 3 * every); ctx.Err() == nil; {
		select {
		case <-ctx.Done():
			tick.Stop()
		case <-tick.C:
			k.lease(ctx, holder, every)
		}
	}
	wg.Wait()
	if k.mine.Load() {
		k.leave(holder)
	}
	return nil
}

func (k *Keeper) interval() time.Duration {
	for _, h := range k.Pool.Hosts() {
		if h.Warm+h.WarmTLS > 0 {
			return interval
		}
	}
	return idleInterval
}

func (k *Keeper) lease(ctx context.Context, holder string, every time.Duration) {
	got, err := k.Sessions.Store.Lease(ctx, job, holder, leaseFactor*every)
	if err != nil && ctx.Err() == nil {
		k.Log.WarnContext(ctx, "nothing is kept warm for now", "err", err)
	}
	if got && !k.mine.Swap(got) {
		k.Log.DebugContext(ctx, "keeping containers warm from now on")
	}
	k.mine.Store(got)
}

// leave lets another replica go on at once, or ends what waits.
func (k *Keeper) leave(holder string) {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	if k.Release {
		var wg sync.WaitGroup
		for _, h := range k.Pool.Hosts() {
			h.Warm, h.WarmTLS = 0, 0
			wg.Go(func() {
				if _, err := k.Pass(ctx, h); err != nil {
					k.Log.Warn("containers that wait are left to cleanup --all", "host", h.Name, "err", err)
				}
			})
		}
		wg.Wait()
	}
	if err := k.Sessions.Store.EndLease(ctx, job, holder); err != nil {
		k.Log.Warn("others keep containers warm only when the lease expires", "err", err)
	}
}

// keep makes passes over one host. They go on as long as there is more to do.
func (k *Keeper) keep(ctx context.Context, h hosts.Host, every time.Duration) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = minPause, maxPause
	for ctx.Err() == nil {
		wait := every
		if k.mine.Load() {
			more, err := k.Pass(ctx, h)
			switch {
			case err != nil && ctx.Err() == nil:
				wait = max(every, pauses.NextBackOff())
				k.Log.WarnContext(ctx, "containers cannot be kept warm", "host", h.Name, "again in", wait.Round(time.Millisecond), "err", err)
			case more:
				pauses.Reset()
				wait = 0
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// Pass corrects what waits on a host once: it ends what is too many, too old or
// of no use any more, and prepares a few of those that are missing. It reports
// whether it prepared any, so that there may be more to do.
func (k *Keeper) Pass(ctx context.Context, h hosts.Host) (more bool, err error) {
	wanted, err := k.wanted(ctx, h)
	if err != nil || wanted == nil {
		return false, err
	}
	list, err := k.Sessions.Store.WaitingOn(ctx, h.Name)
	if err != nil {
		return false, err
	}
	aged, err := k.Sessions.Store.Aged(ctx, int(k.MaxAge/time.Second))
	if err != nil {
		return false, err
	}
	missing := map[bool]int{false: wanted[false], true: wanted[true]}
	var old *session.Session
	for i := len(list) - 1; i >= 0; i-- { // the youngest stay
		s := &list[i]
		useless := s.Gateway != k.Sessions.Gateway || missing[s.TLS] == 0 || s.Overdue && s.State == session.Warming
		if useless {
			if err := k.end(ctx, s); err != nil {
				return false, err
			}
			continue
		}
		missing[s.TLS]--
		if aged[s.ID] {
			old = s
		}
	}
	if missing[false]+missing[true] > 0 {
		return k.prepare(ctx, h, wanted, missing)
	}
	if old == nil {
		return false, nil
	}
	return true, k.end(ctx, old) // one at a time, so that the others can be had
}

// end ends a container that waits. One that is still being prepared is ended by
// who does that.
func (k *Keeper) end(ctx context.Context, s *session.Session) error {
	do := k.Sessions.End
	if s.State == session.Warming && s.Overdue {
		do = k.Sessions.Repair
	}
	_, err := do(ctx, s)
	if errors.Is(err, session.ErrPending) {
		return nil
	}
	return err
}

// wanted returns how many containers should wait on a host, by whether they serve
// TLS; nil: it cannot be asked, or has no image, so that nothing is changed.
func (k *Keeper) wanted(ctx context.Context, h hosts.Host) (map[bool]int, error) {
	for _, st := range k.Pool.Status() {
		if st.Host.Name == h.Name && st.State != hosts.Up {
			return nil, nil
		}
	}
	drained, err := k.Sessions.Store.Drained(ctx)
	if err != nil {
		return nil, err
	}
	if _, ok := drained[h.Name]; ok {
		return map[bool]int{}, nil
	}
	return map[bool]int{false: h.Warm, true: h.WarmTLS}, nil
}

// prepare starts a few of the missing containers, all at once.
func (k *Keeper) prepare(ctx context.Context, h hosts.Host, wanted, missing map[bool]int) (bool, error) {
	var wg sync.WaitGroup
	var prepared atomic.Bool
	errs := make(chan error, parallel)
	for range parallel {
		tls := missing[false] == 0
		if missing[tls] == 0 {
			break
		}
		missing[tls]--
		wg.Go(func() {
			done, err := k.Sessions.Prepare(ctx, h.Name, tls, wanted[tls])
			if done {
				prepared.Store(true)
			}
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return prepared.Load(), errors.Join(all...)
}
