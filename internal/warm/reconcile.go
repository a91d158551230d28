package warm

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

// A tally is a number of containers, by whether they serve TLS.
type tally map[bool]int

func (t tally) total() int { return t[false] + t[true] }

// Reconcile corrects once what waits on a host: it stops what is too many, too old,
// made with other settings or of no use any more, and warms up a few of those that are
// missing. It reports whether there may be more to do.
func (w *Warmer) Reconcile(ctx context.Context, h hosts.Host) (more bool, err error) {
	wanted, err := w.wanted(ctx, h)
	if err != nil {
		return false, err
	}
	kept, missing, err := w.stopExcess(ctx, h, wanted)
	if err != nil {
		return false, err
	}
	if w.lacksCertificate(h) {
		delete(missing, true) // what waits already has its certificate
	}
	if missing.total() > 0 {
		return w.warmUp(ctx, h, wanted, missing)
	}
	if stopped, err := w.stopOutdated(ctx, kept); stopped || err != nil {
		return stopped, err
	}
	return w.stopAged(ctx, h)
}

// wanted returns how many containers should wait on a host.
func (w *Warmer) wanted(ctx context.Context, h hosts.Host) (tally, error) {
	drained, err := w.Store.Drained(ctx)
	if err != nil {
		return nil, err
	}
	if _, ok := drained[h.Name]; ok {
		return tally{}, nil
	}
	return tally{false: h.Warm, true: h.WarmTLS}, nil
}

// stopExcess stops what need not wait on a host, the oldest first. It returns what is
// left, and how many are missing.
func (w *Warmer) stopExcess(ctx context.Context, h hosts.Host, wanted tally) (kept []*session.Session, missing tally, err error) {
	waiting, err := w.Store.WaitingOn(ctx, h.Name)
	if err != nil {
		return nil, nil, err
	}
	missing = maps.Clone(wanted)
	for i := len(waiting) - 1; i >= 0; i-- { // the youngest are kept
		s := &waiting[i]
		unfit := s.Gateway != w.Gateway || isOverdue(s)
		if !unfit && missing[s.TLS] > 0 {
			missing[s.TLS]--
			kept = append(kept, s)
			continue
		}
		if err := w.stop(ctx, s); err != nil {
			return nil, nil, err
		}
	}
	return kept, missing, nil
}

// stopOutdated stops one container that no client is given, since a new one would be
// made otherwise now. Only one, so that the host is not busy with starts alone.
func (w *Warmer) stopOutdated(ctx context.Context, waiting []*session.Session) (stopped bool, err error) {
	i := slices.IndexFunc(waiting, func(s *session.Session) bool {
		return s.State == session.Warm && !w.Sessions.IsCurrent(s)
	})
	if i < 0 {
		return false, nil
	}
	s := waiting[i]
	w.Log.InfoContext(ctx, "replacing warm container", "session", s.ID, "host", s.Host, "reason", "a new one would be made otherwise")
	return true, w.stop(ctx, s)
}

// stopAged stops one container that has waited for too long. Only one, so that
// clients can have the others until it is replaced.
func (w *Warmer) stopAged(ctx context.Context, h hosts.Host) (stopped bool, err error) {
	aged, err := w.Store.Aged(ctx, h.Name, w.MaxAge)
	if err != nil || len(aged) == 0 {
		return false, err
	}
	return true, w.stop(ctx, &aged[0])
}

// stop stops a container that waits. One that is still being warmed up is removed
// by whoever does that.
func (w *Warmer) stop(ctx context.Context, s *session.Session) error {
	stop := w.Sessions.StopSession
	if isOverdue(s) {
		stop = w.Sessions.Repair
	}
	_, err := stop(ctx, s)
	if errors.Is(err, session.ErrPending) {
		return nil
	}
	return err
}

// isOverdue reports whether whoever warms up a container must have died.
func isOverdue(s *session.Session) bool { return s.State == session.Warming && s.Overdue }

// warmUp starts a few of the missing containers at once, and reports whether that
// made any wait.
func (w *Warmer) warmUp(ctx context.Context, h hosts.Host, wanted, missing tally) (bool, error) {
	var wg sync.WaitGroup
	var some atomic.Bool
	errs := make([]error, min(parallel, missing.total()))
	for i := range errs {
		tls := missing[false] == 0
		missing[tls]--
		wg.Go(func() {
			started, err := w.Sessions.StartWarm(ctx, h.Name, tls, wanted[tls])
			if started {
				some.Store(true)
			}
			if errors.Is(err, hosts.ErrCertificate) && w.lacksCertificate(h) {
				err = nil // the host has said so, and is left alone from now on
			}
			errs[i] = err
		})
	}
	wg.Wait()
	return some.Load(), errors.Join(errs...)
}
