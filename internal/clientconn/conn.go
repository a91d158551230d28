package clientconn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// A Conn is a connection with a client. It is safe for concurrent use.
type Conn struct {
	net.Conn // the link, or TLS over it
	link     *link
	lineEnds skipper // of what is read; one reads at a time

	mu         sync.Mutex
	readUntil  time.Time     // as the server has it; zero: no limit
	changed    chan struct{} // closed when readUntil has changed or the connection ended; nil: nobody waits
	halfClosed bool
	closed     bool
}

// Read implements [net.Conn]. The end of the client's side is news for who reads a
// request. Who waits for the client to leave, without a deadline, goes on waiting.
func (c *Conn) Read(b []byte) (int, error) {
	for {
		read, err := c.Conn.Read(b)
		n := c.lineEnds.skip(b[:read])
		if n == 0 && errors.Is(err, io.EOF) {
			err = c.awaitEnd(time.Now())
		}
		if n > 0 || read == 0 || err != nil {
			return n, err
		}
	}
}

// awaitEnd returns why a read ends whose client ended its side at a time.
func (c *Conn) awaitEnd(at time.Time) error {
	for {
		changed, err := c.end()
		if err != nil {
			return err
		}
		if last := c.link.lastMove(); last.After(at) {
			at = last
		}
		left := time.Until(at.Add(HalfClosedTimeout))
		if left <= 0 {
			return io.EOF
		}
		timeout := time.NewTimer(left)
		select {
		case <-changed:
		case <-timeout.C:
		}
		timeout.Stop()
	}
}

// end returns why a read ends at the end of the client's side, or what to wait for before
// that is asked again.
func (c *Conn) end() (<-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.halfClosed = true
	switch {
	case c.closed:
		return nil, net.ErrClosed
	case !c.readUntil.IsZero() && !time.Now().Before(c.readUntil):
		return nil, os.ErrDeadlineExceeded
	case !c.readUntil.IsZero():
		return nil, io.EOF
	}
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	return c.changed, nil
}

// wake makes who waits in a read look again.
func (c *Conn) wake(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

// SetReadDeadline implements [net.Conn].
func (c *Conn) SetReadDeadline(t time.Time) error {
	err := c.Conn.SetReadDeadline(t)
	c.wake(func() { c.readUntil = t })
	return err
}

// SetDeadline implements [net.Conn].
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// CloseWrite ends our side.
func (c *Conn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close implements [net.Conn].
func (c *Conn) Close() error {
	c.wake(func() { c.closed = true })
	return c.Conn.Close()
}

// HalfClosed reports whether the client has ended its side. It may have left.
func (c *Conn) HalfClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.halfClosed
}

// Stalled returns for how long the client has taken nothing of what is being written
// to it, as far as it was looked at.
func (c *Conn) Stalled() time.Duration { return c.link.stalled() }

// Cut ends the connection as one that takes nothing for too long.
func (c *Conn) Cut() {
	c.link.reset()
	_ = c.link.Conn.Close() // the server closes it too
}

type contextKey struct{}

// NewContext is for [net/http.Server.ConnContext].
func NewContext(ctx context.Context, nc net.Conn) context.Context {
	switch c := nc.(type) {
	case *Conn:
		return context.WithValue(ctx, contextKey{}, c)
	case *tlsConn:
		return context.WithValue(ctx, contextKey{}, c.Conn)
	}
	return ctx
}

// FromContext returns the connection that a request came over, or nil if it is none
// of a [Listener].
func FromContext(ctx context.Context) *Conn {
	c, _ := ctx.Value(contextKey{}).(*Conn)
	return c
}
