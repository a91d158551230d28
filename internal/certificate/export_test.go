package certificate

import "time"

// CheckNow makes c look at its files when the next client comes.
func CheckNow(c *Certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checked = time.Time{}
}
