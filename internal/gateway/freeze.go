package gateway

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/reminder"
)

const (
	freezePause    = 5 * time.Second // at most, between two searches for what is not used
	freezeTimeout  = 10 * time.Second
	parallelFreeze = 8
)

// keepFreezing pauses the containers of sessions that nobody uses.
func (g *Gateway) keepFreezing(ctx context.Context) {
	every := min(freezePause, g.FreezeAfter/10)
	var trouble reminder.Trouble
	for clock.Sleep(ctx, every) == nil {
		if err := g.freezeIdle(ctx); err == nil {
			trouble.Over()
		} else if ctx.Err() == nil && trouble.Due(err) {
			g.Log.WarnContext(ctx, "find idle sessions failed; will retry", "retry_in", every, "err", err)
		}
	}
}

func (g *Gateway) freezeIdle(ctx context.Context) error {
	// The database counts whole seconds: never sooner than configured.
	unused := g.FreezeAfter + time.Second
	ids, err := g.Store.Freezable(ctx, unused)
	if err != nil {
		return err
	}
	answers := make(map[string]bool) // a host that is not configured here is absent, hence false
	for _, st := range g.Pool.Status() {
		answers[st.Host.Name] = !st.State.IsDown()
	}
	var parallel errgroup.Group
	parallel.SetLimit(parallelFreeze)
	for _, id := range ids {
		r := g.routes.get(id) // nil: not known here yet
		if r != nil && answers[r.session.Host] {
			parallel.Go(func() error { g.freeze(ctx, r, unused); return nil })
		}
	}
	return parallel.Wait()
}

// freeze pauses the container of one session. Requests for it that come meanwhile
// wait for the lock, and unfreeze it.
func (g *Gateway) freeze(ctx context.Context, r *route, unused time.Duration) {
	if !r.activity.tryAcquire() {
		return // just being used
	}
	defer r.activity.release()
	s := r.session
	if r.work.Busy() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, freezeTimeout)
	defer cancel()
	r.activity.freeze()
	frozen, err := g.Sessions.Freeze(ctx, s, unused)
	switch {
	case err != nil && ctx.Err() == nil && r.activity.trouble.Due(err):
		g.Log.WarnContext(ctx, "freeze session failed; will retry", "session", s.ID, "client", s.ClientName(), "host", s.Host, "err", err)
	case frozen:
		r.activity.trouble.Over()
		g.Log.DebugContext(ctx, "session frozen", "session", s.ID, "client", s.ClientName(), "host", s.Host)
	}
}
