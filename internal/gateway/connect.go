package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"

	"wrpdistributor/internal/session"
)

// connect connects to the container of a route. It is asked for after the connection
// stands: a container that runs by then is what the connection leads to, since none
// is started twice. Before that it could end in between, and its port be another's.
// The connection needs no further look, for it ends with its container.
func (g *Gateway) connect(ctx context.Context, r *route) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	nc, err := g.dial(ctx, r.session.Host, r.session.Port)
	if err != nil {
		return nil, err
	}
	if err = g.confirm(ctx, r); err == nil {
		return g.counted(r, nc), nil
	}
	nc.Close()
	if !errors.Is(err, session.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", errUnconfirmed, err)
	}
	g.check(r) // frees the slot
	g.Died(r.session.ID, r.session.ContainerID)
	return nil, err
}

// confirm asks whether the container of a route runs.
func (g *Gateway) confirm(ctx context.Context, r *route) error {
	return r.runs.answer(ctx, g.alive, &g.tasks, struct{}{}, func([]struct{}) error {
		ctx, cancel := context.WithTimeout(g.alive, confirmTimeout)
		defer cancel()
		return g.Sessions.ConfirmRuns(ctx, r.session)
	})
}
