package gateway

import (
	"cmp"
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"wrpdistributor/internal/clock"
)

const (
	// maxKept bounds the connections to containers that are kept though no request uses
	// them, of all sessions together. One costs some 27 kB, four goroutines, and a
	// channel of its host's sshd; a new one an SSH channel and a look at the container.
	maxKept   = 1000
	trimPause = time.Second
)

// A keptConn is counted until it is closed.
type keptConn struct {
	net.Conn
	uncount func()
}

// Close closes the connection.
func (c *keptConn) Close() error {
	c.uncount()
	return c.Conn.Close()
}

// counted counts a connection as one of a route.
func (g *Gateway) counted(r *route, nc net.Conn) net.Conn {
	g.conns.Add(1)
	r.conns.Add(1)
	return &keptConn{nc, sync.OnceFunc(func() {
		g.conns.Add(-1)
		r.conns.Add(-1)
	})}
}

// keepTrimming closes what is kept too much.
func (g *Gateway) keepTrimming(ctx context.Context) {
	for clock.Sleep(ctx, trimPause) == nil {
		g.trim(g.conns.Load() - g.maxKept)
	}
}

// trim closes so many connections, of those sessions that were not used for longest. One
// that a request is under way for keeps all that it has.
func (g *Gateway) trim(surplus int64) {
	if surplus <= 0 {
		return
	}
	type unused struct {
		*route
		since time.Time
	}
	var list []unused
	for _, r := range g.routes.all() {
		if r.conns.Load() > 0 && !r.work.Busy() {
			list = append(list, unused{r, r.activity.lastUsed()})
		}
	}
	slices.SortFunc(list, func(a, b unused) int {
		return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.session.ID, b.session.ID))
	})
	for _, r := range list {
		if surplus <= 0 {
			return
		}
		surplus -= r.conns.Load()
		r.transport.CloseIdleConnections()
	}
}
