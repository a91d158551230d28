package gateway

import (
	"context"
	"fmt"
	"sync"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/reminder"
)

const (
	reloadPause   = time.Second // between two reloads, so that guesses cost next to nothing
	reloadTimeout = 5 * time.Second
)

// A reloader lets all who want to know what the database says now share one
// question, and asks at most one a second.
type reloader struct {
	mu     sync.Mutex
	next   *reload // has not begun yet: who comes now may wait for it
	last   time.Time
	asking sync.Mutex
}

type reload struct {
	done chan struct{}
	err  error // once done
}

// awaitReload returns when the table is what the database said after the call.
func (g *Gateway) awaitReload(ctx context.Context) error {
	next, err := g.nextReload()
	if err != nil {
		return err
	}
	select {
	case <-next.done:
		return next.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// nextReload returns the reload that is about to begin.
func (g *Gateway) nextReload() (*reload, error) {
	l := &g.reloader
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == nil {
		if !g.tasks.Begin() {
			return nil, errClosing
		}
		l.next = &reload{done: make(chan struct{})}
		go g.runReload(l.next, time.Until(l.last.Add(reloadPause)))
	}
	return l.next, nil
}

// runReload asks the database after a wait.
func (g *Gateway) runReload(next *reload, wait time.Duration) {
	defer g.tasks.End()
	defer close(next.done)
	_ = clock.Sleep(g.alive, wait)
	l := &g.reloader
	l.asking.Lock()
	defer l.asking.Unlock()
	l.mu.Lock()
	l.next, l.last = nil, time.Now()
	l.mu.Unlock()
	if err := g.reload(); err != nil {
		next.err = fmt.Errorf("%w: %w", errUnavailable, err)
	}
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
