package gateway

import (
	"context"

	"wrpdistributor/internal/session"
)

// Started implements [session.Observer].
func (g *Gateway) Started(s *session.Session) { g.routes.add(s, g.newRoute) }

// Died implements [session.Observer]. What the container's port answers from now on
// is not its session's.
func (g *Gateway) Died(id int64, containerID string) {
	if r := g.routes.get(id); r != nil && r.session.ContainerID == containerID {
		g.routes.remove(id)
		r.close()
	}
}

// Stopping implements [session.Observer]. Requests for the session that come from
// now on are told that it is gone. Those under way may finish, for a while; but not
// those of a container that [Gateway.check] found gone, which wait for nothing.
func (g *Gateway) Stopping(ctx context.Context, id int64) {
	r := g.routes.remove(id)
	if r == nil {
		return
	}
	if r.ended.Err() == nil {
		g.drain(ctx, r)
	}
	r.close()
}

func (g *Gateway) drain(ctx context.Context, r *route) {
	ctx, cancel := context.WithTimeout(ctx, g.DrainTimeout)
	defer cancel()
	if err := r.work.Drain(ctx); err != nil {
		g.Log.InfoContext(ctx, "requests cut; session stopping", "session", r.session.ID, "client", r.session.ClientName(), "host", r.session.Host)
	}
}
