package pretend

import (
	"net"
	"sync"
	"sync/atomic"
)

// A conn is a connection that transports nothing while one of its listener's
// stalls is on. Deadlines do not end that; closing does.
type conn struct {
	net.Conn
	listener *listener
	once     sync.Once
	gone     chan struct{} // closed with the connection
}

// Read reads what has arrived.
func (c *conn) Read(p []byte) (int, error) {
	if err := c.wait(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	// What arrives while a stall is on must wait as well.
	if held := c.wait(); held != nil {
		return 0, held
	}
	return n, err
}

// Write sends p.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.wait(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *conn) wait() error {
	for _, s := range c.listener.stalls {
		if !s.wait(c.gone) {
			return net.ErrClosed
		}
	}
	return nil
}

// Close closes the connection.
func (c *conn) Close() error {
	c.listener.network.mu.Lock()
	delete(c.listener.conns, c)
	c.listener.network.mu.Unlock()
	c.end()
	return nil
}

func (c *conn) end() {
	c.once.Do(func() {
		close(c.gone)
		c.Conn.Close()
	})
}

// A stall holds connections up while it is on. The zero value is off.
type stall struct {
	released atomic.Pointer[chan struct{}] // nil: off; else closed when it goes off
}

func (s *stall) set(on bool) {
	if on {
		released := make(chan struct{})
		s.released.CompareAndSwap(nil, &released)
		return
	}
	if released := s.released.Swap(nil); released != nil {
		close(*released)
	}
}

// wait returns when the stall is off. It reports false if gone came first.
func (s *stall) wait(gone <-chan struct{}) bool {
	for {
		released := s.released.Load()
		if released == nil {
			return true
		}
		select {
		case <-*released:
		case <-gone:
			return false
		}
	}
}
