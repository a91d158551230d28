package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wrpdistributor/internal/hosts"
)

const checkTimeout = 10 * time.Second

// explained finds out why a container did not answer. That is outside of what counts
// as work of the route, so that nothing that stops the session waits for it.
func (g *Gateway) explained(next handler) handler {
	return func(x *exchange) error {
		err := next(x)
		switch {
		case !errors.Is(err, ErrNoAnswer):
			return err
		case x.begun():
			g.check(x.route) // the client is told nothing more, but the session may be dead
			return err
		}
		return g.explain(x.in.Context(), x.route, err)
	}
}

// explain says why a container did not answer, after it was checked.
func (g *Gateway) explain(ctx context.Context, r *route, err error) error {
	if g.routes.get(r.session.ID) == nil {
		return errEndedMeanwhile
	}
	c := g.check(r)
	select {
	case <-c.done:
	case <-ctx.Done():
		return errClientLeft
	}
	switch {
	case g.routes.get(r.session.ID) == nil:
		return errEndedMeanwhile
	case errors.Is(c.err, hosts.ErrUnreachable), errors.Is(c.err, hosts.ErrUnknownHost):
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return errors.Join(err, c.err)
}

// A check of a container is shared by all requests that want one while it is under way.
type check struct {
	done chan struct{}
	err  error // once done
}

// check begins to look at the container of a session that does not answer, unless
// that is under way.
func (g *Gateway) check(r *route) *check {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.check != nil {
		return r.check
	}
	c := &check{done: make(chan struct{})}
	if !g.tasks.Begin() {
		c.err = ErrClosing
		close(c.done)
		return c
	}
	r.check = c
	go g.runCheck(r, c)
	return c
}

// runCheck closes the route of a container that is gone before its session is
// stopped. Else the stop would wait for requests that wait for the container.
func (g *Gateway) runCheck(r *route, c *check) {
	defer g.tasks.End()
	defer close(c.done)
	ctx, cancel := context.WithTimeout(g.alive, checkTimeout)
	defer cancel()
	c.err = g.Sessions.RepairUnresponsive(ctx, r.session, func() {
		g.routes.remove(r.session.ID)
		r.close()
	})
	r.mu.Lock()
	r.check = nil
	r.mu.Unlock()
}
