package hosts

import (
	"context"
	"errors"
	"net"
	"sync"
)

// errRetired means that another connection has taken the place of this one.
var errRetired = errors.New("connection has been replaced")

// renew logs in once more to see whether the host allows now what the connection was
// found to lack: sshd decides that at the login. If it does, callers get the new
// connection, and the old one goes on for those who use it.
func (c *sshClient) renew(ctx context.Context) error {
	conn, err := c.explore(ctx)
	if err != nil {
		return err
	}
	if err = c.lack(conn); err == nil {
		err = c.keep(conn)
	}
	if err != nil {
		conn.Close()
	}
	return err
}

// lack returns what keeps conn from leading wherever it has to, or nil.
func (c *sshClient) lack(conn *connection) error {
	if conn.noWay != nil || c.required.isEmpty() {
		return conn.noWay
	}
	return conn.forbidden()
}

// retire has conn end when no container is reached over it any more. What is asked
// of the engine may be cut: it is asked again. c.mu is held.
func (c *sshClient) retire(conn *connection) {
	if conn == nil {
		return
	}
	if c.retired == nil {
		c.retired = make(map[*connection]struct{})
	}
	c.retired[conn] = struct{}{}
	unused := conn.use.end()
	c.tasks.Go(func() {
		select {
		case <-unused:
			conn.Close()
		case <-conn.ended:
		}
	})
}

// dialPort opens a connection to a port on the host's own loopback, see
// [connection.dialPort].
func (c *sshClient) dialPort(ctx context.Context, port int) (net.Conn, error) {
	for {
		conn, err := c.connection(ctx)
		if err != nil {
			return nil, err
		}
		nc, err := conn.dialPort(ctx, port)
		if !errors.Is(err, errRetired) {
			return nc, err
		}
	}
}

// A usage counts what is under way until it is to end. Its zero value is ready to use.
type usage struct {
	mu    sync.Mutex
	n     int
	ended chan struct{} // closed when nothing is under way any more; nil: it is not to end
}

// dial counts a connection from before it is made until it is closed.
func (u *usage) dial(dial func() (net.Conn, error)) (net.Conn, error) {
	if !u.begin() {
		return nil, errRetired
	}
	nc, err := dial()
	if err != nil {
		u.done()
		return nil, err
	}
	return &countedConn{Conn: nc, closed: sync.OnceFunc(u.done)}, nil
}

func (u *usage) begin() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended != nil {
		return false
	}
	u.n++
	return true
}

func (u *usage) done() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.n--; u.n == 0 && u.ended != nil {
		close(u.ended)
	}
}

// end lets nothing more begin. The channel is closed when nothing is under way. It is
// called once.
func (u *usage) end() <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = make(chan struct{})
	if u.n == 0 {
		close(u.ended)
	}
	return u.ended
}

// A countedConn says when it is closed.
type countedConn struct {
	net.Conn
	closed func()
}

// Close implements [net.Conn].
func (c *countedConn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}
