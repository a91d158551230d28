package gateway

import (
	"context"
	"runtime/debug"
	"slices"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/reminder"
)

const (
	reloadTimeout = 5 * time.Second
	maxChunk      = 500 // sessions that the database is asked for in one statement
)

// reload makes the table what the database says. It reads the ids of the running
// sessions, which are all that tells two looks at them apart, and the rows of those
// that are new here: what others start, stop, take over or delete between two reloads is
// found, whoever did it, and a table of many sessions is never read in full again.
func (g *Gateway) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	asked := g.routes.begin()
	list, err := g.Store.GatewayBriefs(ctx)
	if err != nil {
		return err
	}
	fresh, ended := g.routes.compare(list, asked)
	for _, r := range ended {
		r.transport.CloseIdleConnections()
	}
	for i := range list {
		if list[i].Frozen {
			g.unfreezeBusy(ctx, list[i].ID)
		}
	}
	return g.addSessions(ctx, fresh)
}

func (g *Gateway) addSessions(ctx context.Context, ids []int64) error {
	for chunk := range slices.Chunk(ids, maxChunk) {
		list, err := g.Store.GatewaySessions(ctx, chunk)
		if err != nil {
			return err
		}
		g.routes.addAll(list, g.newRoute)
	}
	if len(ids) > maxChunk {
		debug.FreeOSMemory() // at the start; what so many rows took to read is not needed again
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
		if err := g.reload(ctx); err == nil {
			trouble.Over()
		} else if ctx.Err() == nil && trouble.Due(err) {
			g.Log.WarnContext(ctx, "reload sessions failed; known ones go on", "retry_in", g.Interval, "err", err)
		}
		_ = clock.Sleep(ctx, g.Interval)
	}
}
