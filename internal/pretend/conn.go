package pretend

import (
	"net"
	"sync"
	"sync/atomic"
)

// A conn is a connection that stands still while one of its listener's valves
// is shut. Deadlines do not end that; closing does.
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
	// What arrives while a valve is shut must not get through either.
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
	for _, v := range c.listener.stalls {
		if !v.wait(c.gone) {
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

// A stall lets bytes through unless it is shut. The zero value is open.
type stall struct {
	released atomic.Pointer[chan struct{}] // nil: open; else closed when it opens
}

func (v *stall) set(shut bool) {
	if shut {
		opened := make(chan struct{})
		v.released.CompareAndSwap(nil, &opened)
		return
	}
	if opened := v.released.Swap(nil); opened != nil {
		close(*opened)
	}
}

// wait returns true when the valve is open, and false if gone came first.
func (v *stall) wait(gone <-chan struct{}) bool {
	for {
		opened := v.released.Load()
		if opened == nil {
			return true
		}
		select {
		case <-*opened:
		case <-gone:
			return false
		}
	}
}
