package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

const checkTimeout = 10 * time.Second

// Started implements [session.Observer].
func (g *Gateway) Started(s *session.Session) { g.routes.add(s, g.newRoute) }

// Stopping implements [session.Observer]. Requests for the session that come from now on
// are told that it is gone. Those under way may finish, for a while.
func (g *Gateway) Stopping(ctx context.Context, id int64) {
	r := g.routes.remove(id)
	if r == nil {
		return
	}
	// The container may have been found gone by a look of ours: its requests
	// have nothing to wait for, and one of them waits for the look.
	if found, _ := ctx.Value(foundGone{}).(bool); !found {
		ctx, cancel := context.WithTimeout(ctx, g.DrainTimeout)
		defer cancel()
		if err := r.work.Drain(ctx); err != nil {
			g.Log.InfoContext(ctx, "requests are cut off, their session ends", "session", id)
		}
	}
	g.cutOff(r)
}

type foundGone struct{}

// cutOff ends what is left of a route.
func (g *Gateway) cutOff(r *route) {
	r.cut(errEnded)
	r.transport.CloseIdleConnections()
}

// A check at a container.
type check struct {
	done chan struct{}
	err  error
}

// check looks at the container of a session that does not answer. All who want
// that at a time share one look.
func (g *Gateway) check(r *route) *check {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.check != nil {
		return r.check
	}
	l := &check{done: make(chan struct{})}
	if !g.tasks.Begin() {
		l.err = errClosing
		close(l.done)
		return l
	}
	r.check = l
	go g.runCheck(r, l)
	return l
}

func (g *Gateway) runCheck(r *route, l *check) {
	defer g.tasks.End()
	defer close(l.done)
	ctx, cancel := context.WithTimeout(context.WithValue(g.alive, foundGone{}, true), checkTimeout)
	defer cancel()
	l.err = g.Sessions.RepairUnresponsive(ctx, r.session)
	if errors.Is(l.err, session.ErrNotFound) {
		g.routes.remove(r.session.ID)
		g.cutOff(r)
	}
	r.mu.Lock()
	r.check = nil
	r.mu.Unlock()
}

// explain finds out why a container did not answer.
func (g *Gateway) explain(ctx context.Context, r *route, err error) error {
	if g.routes.get(r.session.ID) == nil {
		return errEnded
	}
	l := g.check(r)
	select {
	case <-l.done:
	case <-ctx.Done():
		return errClientLeft
	}
	switch {
	case g.routes.get(r.session.ID) == nil:
		return errEnded
	case errors.Is(l.err, hosts.ErrUnreachable), errors.Is(l.err, hosts.ErrUnknownHost):
		return fmt.Errorf("%w: %w", errHostDown, err)
	}
	return fmt.Errorf("%w: %w", errNoAnswer, errors.Join(err, l.err))
}
