package gateway

import (
	"context"
	"maps"
	"net"
	"slices"
)

// SetDial makes g reach containers by dial. It must be called before anything else.
func (g *Gateway) SetDial(dial func(ctx context.Context, host string, port int) (net.Conn, error)) {
	g.dial = dial
}

// Reload is what [Gateway.Run] does once an interval.
func (g *Gateway) Reload(ctx context.Context) error { return g.reload(ctx) }

// Routes returns the ids of the sessions that requests are passed on to, in order.
func (g *Gateway) Routes() []int64 {
	g.routes.mu.RLock()
	defer g.routes.mu.RUnlock()
	return slices.Sorted(maps.Keys(g.routes.byID))
}

// SetMaxKept sets how many connections to containers are kept though no request uses
// them. It must be called before anything else.
func (g *Gateway) SetMaxKept(n int64) { g.maxKept = n }
