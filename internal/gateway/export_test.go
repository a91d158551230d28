package gateway

import "time"

// LookNow has the next client make c look at its files.
func LookNow(c *Certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = time.Time{}
}

// Refreshes returns how often the database was asked for all sessions.
func (g *Gateway) Refreshes() uint64 {
	g.routes.mu.RLock()
	defer g.routes.mu.RUnlock()
	return g.routes.refresh
}
