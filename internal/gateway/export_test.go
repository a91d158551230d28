package gateway

import "time"

// CheckNow makes c look at its files when the next client comes.
func CheckNow(c *Certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checked = time.Time{}
}

// Reloads returns how often the database was asked for all sessions.
func (g *Gateway) Reloads() uint64 {
	g.routes.mu.RLock()
	defer g.routes.mu.RUnlock()
	return g.routes.reloads
}
