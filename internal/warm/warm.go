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
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

const (
	job = "warm"

	interval    = time.Second // between passes
	offInterval = time.Minute // when nothing is to wait anywhere
	term        = 6 * time.Second
	renewal     = term / 3

	parallel = 2 // containers prepared at once on one host; clients have the other places

	minPause = time.Second // after a preparation that failed
	maxPause = 5 * time.Minute

	releaseTimeout = 10 * time.Second
)

// A Warmer keeps containers waiting, as many as each host of the pool says. All
// fields are required, but Release.
type Warmer struct {
	Sessions *session.Manager
	MaxAge   time.Duration // a container that has waited for longer is replaced
	Release  bool          // end what waits when Run ends
	Log      *slog.Logger

	mine  atomic.Bool // this keeper has the lease
	blind bool        // nobody could say who has it, the last time; used by Run only
}

// Run keeps containers waiting until ctx is done.
func (k *Warmer) Run(ctx context.Context) error {
	holder := rand.Text()
	if !slices.ContainsFunc(k.Sessions.Pool.Hosts(), func(h hosts.Host) bool { return h.Warm+h.WarmTLS > 0 }) {
		k.runOff(ctx, holder)
		return nil
	}
	var wg sync.WaitGroup
	for _, h := range k.Sessions.Pool.Hosts() {
		wg.Go(func() { k.keep(ctx, h) })
	}
	for ctx.Err() == nil {
		k.lease(ctx, holder)
		_ = clock.Sleep(ctx, renewal)
	}
	wg.Wait()
	if k.mine.Load() {
		k.leave(holder)
	}
	return nil
}

// runOff ends what waits since it was to, unless others keep it. It does not keep
// the lease: a process that is started to keep containers begins at once.
func (k *Warmer) runOff(ctx context.Context, holder string) {
	for k.Sessions.Pool.AwaitFirstCheck(ctx); ctx.Err() == nil; _ = clock.Sleep(ctx, offInterval) {
		k.lease(ctx, holder)
		if k.mine.Swap(false) {
			k.endAll(ctx)
			k.endLease(holder)
		}
	}
}

// lease asks for the lease. That the database is away is said once.
func (k *Warmer) lease(ctx context.Context, holder string) {
	got, err := k.Sessions.Store.Lease(ctx, job, holder, term)
	k.mine.Store(got)
	if blind := err != nil; blind != k.blind && ctx.Err() == nil {
		k.blind = blind
		if blind {
			k.Log.WarnContext(ctx, "nothing is kept warm until the database answers", "err", err)
		} else {
			k.Log.InfoContext(ctx, "the database answers, containers are kept warm again")
		}
	}
}

// leave lets another replica go on at once, or ends what waits.
func (k *Warmer) leave(holder string) {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	if k.Release {
		k.endAll(ctx)
	}
	k.endLease(holder)
}

// endAll ends what waits on all hosts that can be asked.
func (k *Warmer) endAll(ctx context.Context) {
	var wg sync.WaitGroup
	for _, h := range k.Sessions.Pool.Hosts() {
		if h.Warm, h.WarmTLS = 0, 0; !k.isUp(h) {
			continue
		}
		wg.Go(func() {
			if _, err := k.Reconcile(ctx, h); err != nil {
				k.Log.Warn("containers that wait cannot be ended", "host", h.Name, "err", err)
			}
		})
	}
	wg.Wait()
}

func (k *Warmer) endLease(holder string) {
	ctx, cancel := context.WithTimeout(context.Background(), term)
	defer cancel()
	if err := k.Sessions.Store.EndLease(ctx, job, holder); err != nil {
		k.Log.Warn("others keep containers warm only when the lease expires", "err", err)
	}
}

// keep makes passes over one host. They go on as long as there is more to do.
func (k *Warmer) keep(ctx context.Context, h hosts.Host) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = minPause, maxPause
	for ctx.Err() == nil {
		wait := interval
		if k.mine.Load() && k.isUp(h) {
			more, err := k.Reconcile(ctx, h)
			if err == nil {
				pauses.Reset()
			} else if ctx.Err() == nil {
				wait = max(wait, pauses.NextBackOff())
				k.Log.WarnContext(ctx, "containers cannot be kept warm", "host", h.Name, "again in", wait.Round(time.Millisecond), "err", err)
			}
			if more && err == nil {
				wait = 0
			}
		}
		_ = clock.Sleep(ctx, wait)
	}
}

// Reconcile corrects what waits on a host once: it ends what is too many, too old or
// of no use any more, and prepares a few of those that are missing. It reports
// whether it prepared any, so that there may be more to do.
func (k *Warmer) Reconcile(ctx context.Context, h hosts.Host) (more bool, err error) {
	wanted, err := k.wanted(ctx, h)
	if err != nil {
		return false, err
	}
	list, err := k.Sessions.Store.WaitingOn(ctx, h.Name)
	if err != nil {
		return false, err
	}
	missing := maps.Clone(wanted)
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
	}
	if missing[false]+missing[true] > 0 {
		return k.prepare(ctx, h, wanted, missing)
	}
	// One at a time is replaced, so that the others can be had.
	aged, err := k.Sessions.Store.Aged(ctx, h.Name, int(k.MaxAge/time.Second))
	if err != nil || len(aged) == 0 {
		return false, err
	}
	return true, k.end(ctx, &aged[0])
}

// end ends a container that waits. One that is still being prepared is ended by
// who does that.
func (k *Warmer) end(ctx context.Context, s *session.Session) error {
	do := k.Sessions.StopSession
	if s.State == session.Warming && s.Overdue {
		do = k.Sessions.Repair
	}
	_, err := do(ctx, s)
	if errors.Is(err, session.ErrPending) {
		return nil
	}
	return err
}

// isUp reports whether a host can be asked and has the image. On one that is not
// nothing is changed.
func (k *Warmer) isUp(h hosts.Host) bool {
	return slices.ContainsFunc(k.Sessions.Pool.Status(), func(st hosts.Status) bool { return st.Host.Name == h.Name && st.State == hosts.Up })
}

// wanted returns how many containers should wait on a host, by whether they serve
// TLS.
func (k *Warmer) wanted(ctx context.Context, h hosts.Host) (map[bool]int, error) {
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
func (k *Warmer) prepare(ctx context.Context, h hosts.Host, wanted, missing map[bool]int) (bool, error) {
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
			done, err := k.Sessions.StartWarm(ctx, h.Name, tls, wanted[tls])
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
