package gateway

import (
	"context"
	"fmt"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/reminder"
)

const (
	reloadPause   = time.Second // between two reloads, so that guesses cost next to nothing
	reloadTimeout = 5 * time.Second
)

// awaitReload returns when the table is what the database said after the call.
func (g *Gateway) awaitReload(ctx context.Context) error {
	return g.reloads.answer(ctx, g.alive, &g.tasks, func() error {
		if err := g.reload(); err != nil {
			return fmt.Errorf("%w: %w", errUnavailable, err)
		}
		return nil
	})
}

// reload makes the table what the database says.
func (g *Gateway) reload() error {
	ctx, cancel := context.WithTimeout(g.alive, reloadTimeout)
	defer cancel()
	asked := g.routes.begin()
	list, err := g.Store.GatewaySessions(ctx)
	if err != nil {
		return err
	}
	for _, r := range g.routes.replace(list, asked, g.newRoute) {
		r.transport.CloseIdleConnections()
	}
	for i := range list {
		if list[i].Frozen {
			g.unfreezeBusy(ctx, list[i].ID)
		}
	}
	return nil
}

// unfreezeBusy unfreezes a session that another process froze while a request for
// it is under way here.
func (g *Gateway) unfreezeBusy(ctx context.Context, id int64) {
	r := g.routes.get(id)
	if r == nil || !r.work.Busy() {
		return
	}
	if _, err := g.Sessions.TouchByID(ctx, id); err != nil && r.activity.trouble.Due(err) {
		g.Log.WarnContext(ctx, "unfreeze session failed", "session", id, "client", r.session.ClientName(), "host", r.session.Host, "err", err)
	}
}

// keepReloading learns at intervals what other processes have started and stopped.
func (g *Gateway) keepReloading(ctx context.Context) {
	var trouble reminder.Trouble
	for ctx.Err() == nil {
		if err := g.awaitReload(ctx); err == nil {
			trouble.Over()
		} else if ctx.Err() == nil && trouble.Due(err) {
			g.Log.WarnContext(ctx, "reload sessions failed; known ones go on", "retry_in", g.Interval, "err", err)
		}
		_ = clock.Sleep(ctx, g.Interval)
	}
}
