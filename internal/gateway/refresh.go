package gateway

import (
	"context"
	"fmt"
	"sync"
	"time"

	"wrpdistributor/internal/clock"
)

const (
	refreshPause   = time.Second // between two, so that guesses cost next to nothing
	refreshTimeout = 5 * time.Second
)

// A refresher lets all who want to know what the database says now share one
// question, and asks at most one a second.
type refresher struct {
	mu   sync.Mutex
	next *refresh // has not begun yet: who comes now may wait for it
	last time.Time
	one  sync.Mutex // held while asking
}

type refresh struct {
	done chan struct{}
	err  error
}

// update returns when the table is what the database said after the call.
func (g *Gateway) update(ctx context.Context) error {
	u := &g.refresh
	u.mu.Lock()
	if u.next == nil {
		if !g.tasks.Begin() {
			u.mu.Unlock()
			return errClosing
		}
		u.next = &refresh{done: make(chan struct{})}
		go g.runRefresh(u.next, time.Until(u.last.Add(refreshPause)))
	}
	next := u.next
	u.mu.Unlock()
	select {
	case <-next.done:
		return next.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// runRefresh asks when it is time to.
func (g *Gateway) runRefresh(next *refresh, wait time.Duration) {
	defer g.tasks.End()
	defer close(next.done)
	_ = clock.Sleep(g.alive, wait)
	u := &g.refresh
	u.one.Lock()
	defer u.one.Unlock()
	u.mu.Lock()
	u.next, u.last = nil, time.Now()
	u.mu.Unlock()
	if err := g.reload(); err != nil {
		next.err = fmt.Errorf("%w: %w", errUnavailable, err)
	}
}

// reload makes the table what the database says.
func (g *Gateway) reload() error {
	ctx, cancel := context.WithTimeout(g.alive, refreshTimeout)
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
		if r := g.routes.get(list[i].ID); list[i].Frozen && r != nil && r.work.Busy() {
			// Another process froze what is used here.
			if _, err := g.Sessions.TouchByID(ctx, list[i].ID); err != nil {
				g.Log.WarnContext(ctx, "frozen session is not woken", "session", list[i].ID, "err", err)
			}
		}
	}
	return nil
}

// keepReloading looks at intervals what other processes have begun and ended.
func (g *Gateway) keepReloading(ctx context.Context) {
	for ctx.Err() == nil {
		if err := g.update(ctx); err != nil && ctx.Err() == nil {
			g.Log.WarnContext(ctx, "sessions are not up to date, those that are known go on", "err", err)
		}
		_ = clock.Sleep(ctx, g.Interval)
	}
}
