package gateway

import "time"

// CheckNow has the next client make c look at its files.
func CheckNow(c *Certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checked = time.Time{}
}

// Refreshes returns how often the database was asked for all sessions.
func (g *Gateway) Refreshes() uint64 {
	g.routes.mu.RLock()
	defer g.routes.mu.RUnlock()
	return g.routes.refresh
}
