package gateway

import "time"

// LookNow has the next client make c look at its files.
func LookNow(c *Certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = time.Time{}
}
