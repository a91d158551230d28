// Package inflight counts work under way, so that whoever waits for its end can let
// it finish: a process its requests, a gateway those for one session.
package inflight

import (
	"context"
	"sync"
)

// A Counter counts work under way. The zero value is ready, and safe for
// concurrent use.
type Counter struct {
	mu      sync.Mutex
	n       int
	closing bool
	idle    chan struct{} // closed once closing and n == 0; nil until closing
}

// Begin counts one in, and reports whether it may go on: a counter that drains takes
// no more.
func (c *Counter) Begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return false
	}
	c.n++
	return true
}

// End counts one out that [Counter.Begin] counted in.
func (c *Counter) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n--
	if c.closing && c.n == 0 {
		close(c.idle)
	}
}

// Busy reports whether any work is under way.
func (c *Counter) Busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n > 0
}

// Drain takes no more work, and waits until none is under way or until ctx is
// done, whose error it returns. Several may drain one counter.
func (c *Counter) Drain(ctx context.Context) error {
	c.mu.Lock()
	if !c.closing {
		c.closing, c.idle = true, make(chan struct{})
		if c.n == 0 {
			close(c.idle)
		}
	}
	idle := c.idle
	c.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
