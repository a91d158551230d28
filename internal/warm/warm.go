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

// A Store is what the warmer reads and writes by itself. [session.Store] is one.
type Store interface {
	WaitingOn(ctx context.Context, host string) ([]session.Session, error)
	Aged(ctx context.Context, host string, waited time.Duration) ([]session.Session, error)
	Drained(ctx context.Context) (map[string]session.Drained, error)
	Lease(ctx context.Context, job, holder string, term time.Duration) (bool, error)
	EndLease(ctx context.Context, job, holder string) error
}

// A Warmer keeps containers waiting, as many as each host of the pool says. All
// fields are required, but Release.
type Warmer struct {
	Sessions *session.Manager
	Store    Store
	Pool     *hosts.Pool
	Gateway  bool          // what waits is for clients that come through a gateway
	MaxAge   time.Duration // a container that has waited for longer is replaced
	Release  bool          // end what waits when Run ends
	Log      *slog.Logger

	mine  atomic.Bool // this keeper has the lease
	blind bool        // nobody could say who has it, the last time; used by Run only
}

// Run keeps containers waiting until ctx is done.
func (w *Warmer) Run(ctx context.Context) error {
	holder := rand.Text()
	if !slices.ContainsFunc(w.Pool.Hosts(), func(h hosts.Host) bool { return h.Warm+h.WarmTLS > 0 }) {
		w.runOff(ctx, holder)
		return nil
	}
	var wg sync.WaitGroup
	for _, h := range w.Pool.Hosts() {
		wg.Go(func() { w.keep(ctx, h) })
	}
	for ctx.Err() == nil {
		w.lease(ctx, holder)
		_ = clock.Sleep(ctx, renewal)
	}
	wg.Wait()
	if w.mine.Load() {
		w.leave(holder)
	}
	return nil
}

// runOff ends what waits since it was to, unless others keep it. It does not keep
// the lease: a process that is started to keep containers begins at once.
func (w *Warmer) runOff(ctx context.Context, holder string) {
	for w.Pool.AwaitFirstCheck(ctx); ctx.Err() == nil; _ = clock.Sleep(ctx, offInterval) {
		w.lease(ctx, holder)
		if w.mine.Swap(false) {
			w.endAll(ctx)
			w.endLease(holder)
		}
	}
}

// lease asks for the lease. That the database is away is said once.
func (w *Warmer) lease(ctx context.Context, holder string) {
	got, err := w.Store.Lease(ctx, job, holder, term)
	if err != nil && ctx.Err() != nil {
		return // a lease that is held has still to be ended
	}
	w.mine.Store(got)
	if blind := err != nil; blind != w.blind {
		w.blind = blind
		if blind {
			w.Log.WarnContext(ctx, "nothing is kept warm until the database answers", "err", err)
		} else {
			w.Log.InfoContext(ctx, "the database answers, containers are kept warm again")
		}
	}
}

// leave lets another replica go on at once, or ends what waits.
func (w *Warmer) leave(holder string) {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	if w.Release {
		w.endAll(ctx)
	}
	w.endLease(holder)
}

// endAll ends what waits on all hosts that can be asked.
func (w *Warmer) endAll(ctx context.Context) {
	var wg sync.WaitGroup
	for _, h := range w.Pool.Hosts() {
		if h.Warm, h.WarmTLS = 0, 0; !w.isUp(h) {
			continue
		}
		wg.Go(func() {
			if _, err := w.Reconcile(ctx, h); err != nil {
				w.Log.Warn("containers that wait cannot be ended", "host", h.Name, "err", err)
			}
		})
	}
	wg.Wait()
}

func (w *Warmer) endLease(holder string) {
	ctx, cancel := context.WithTimeout(context.Background(), term)
	defer cancel()
	if err := w.Store.EndLease(ctx, job, holder); err != nil {
		w.Log.Warn("others keep containers warm only when the lease expires", "err", err)
	}
}

// keep makes passes over one host. They go on as long as there is more to do.
func (w *Warmer) keep(ctx context.Context, h hosts.Host) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = minPause, maxPause
	for ctx.Err() == nil {
		wait := interval
		if w.mine.Load() && w.isUp(h) {
			more, err := w.Reconcile(ctx, h)
			if err == nil {
				pauses.Reset()
			} else if ctx.Err() == nil {
				wait = max(wait, pauses.NextBackOff())
				w.Log.WarnContext(ctx, "containers cannot be kept warm", "host", h.Name, "again in", wait.Round(time.Millisecond), "err", err)
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
func (w *Warmer) Reconcile(ctx context.Context, h hosts.Host) (more bool, err error) {
	wanted, err := w.wanted(ctx, h)
	if err != nil {
		return false, err
	}
	list, err := w.Store.WaitingOn(ctx, h.Name)
	if err != nil {
		return false, err
	}
	missing := maps.Clone(wanted)
	for i := len(list) - 1; i >= 0; i-- { // the youngest stay
		s := &list[i]
		useless := s.Gateway != w.Gateway || missing[s.TLS] == 0 || s.Overdue && s.State == session.Warming
		if useless {
			if err := w.end(ctx, s); err != nil {
				return false, err
			}
			continue
		}
		missing[s.TLS]--
	}
	if missing[false]+missing[true] > 0 {
		return w.prepare(ctx, h, wanted, missing)
	}
	// One at a time is replaced, so that the others can be had.
	aged, err := w.Store.Aged(ctx, h.Name, w.MaxAge)
	if err != nil || len(aged) == 0 {
		return false, err
	}
	return true, w.end(ctx, &aged[0])
}

// end ends a container that waits. One that is still being prepared is ended by
// who does that.
func (w *Warmer) end(ctx context.Context, s *session.Session) error {
	do := w.Sessions.StopSession
	if s.State == session.Warming && s.Overdue {
		do = w.Sessions.Repair
	}
	_, err := do(ctx, s)
	if errors.Is(err, session.ErrPending) {
		return nil
	}
	return err
}

// isUp reports whether a host can be asked and has the image. On one that is not
// nothing is changed.
func (w *Warmer) isUp(h hosts.Host) bool {
	return slices.ContainsFunc(w.Pool.Status(), func(st hosts.Status) bool { return st.Host.Name == h.Name && st.State == hosts.Up })
}

// wanted returns how many containers should wait on a host, by whether they serve
// TLS.
func (w *Warmer) wanted(ctx context.Context, h hosts.Host) (map[bool]int, error) {
	drained, err := w.Store.Drained(ctx)
	if err != nil {
		return nil, err
	}
	if _, ok := drained[h.Name]; ok {
		return map[bool]int{}, nil
	}
	return map[bool]int{false: h.Warm, true: h.WarmTLS}, nil
}

// prepare starts a few of the missing containers, all at once.
func (w *Warmer) prepare(ctx context.Context, h hosts.Host, wanted, missing map[bool]int) (bool, error) {
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
			done, err := w.Sessions.StartWarm(ctx, h.Name, tls, wanted[tls])
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
