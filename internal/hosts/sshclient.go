package hosts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/singleflight"
	"golang.org/x/sys/unix"
)

const (
	keepAliveInterval = 5 * time.Second
	keepAliveTimeout  = 5 * time.Second

	// userTimeout ends a connection whose bytes nobody acknowledges. The
	// keep-alive finds a frozen sshd, this finds a dead network sooner.
	userTimeout = 6 * time.Second
)

// A sshClient is the one SSH connection to a host. It connects on first use, and
// again when the connection broke. It is safe for concurrent use.
type sshClient struct {
	target   SSH
	keys     *hostKeys
	timeout  time.Duration // for everything from TCP to the end of the login
	required requiredPorts

	dialing singleflight.Group // callers share one attempt
	tasks   sync.WaitGroup

	mu     sync.Mutex
	open   *connection
	closed bool
}

// A connection is one established connection, and what it turned out to allow.
type connection struct {
	*ssh.Client
	stdio         chan struct{} // free sessions for dial-stdio; nil: the socket channel works
	forbiddenPort atomic.Int32  // a port on the host's loopback that the key forbids; 0: none is known
	ended         chan struct{} // closed when the connection has ended
	raw           *netConn
}

// A netConn knows that it has ended before its user does. The SSH library tells
// its channels of the end while the connection still looks usable, and whoever
// opens a channel then waits for ever.
type netConn struct {
	net.Conn
	ended atomic.Bool
}

// Read implements [net.Conn].
func (s *netConn) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if err != nil {
		s.ended.Store(true)
	}
	return n, err
}

// connection returns the connection, making one if need be. An attempt outlives the
// caller that began it: others may be waiting for it.
func (c *sshClient) connection(ctx context.Context) (*connection, error) {
	if l, err := c.established(); l != nil || err != nil {
		return l, err
	}
	result := c.dialing.DoChan("", func() (any, error) { return c.connect() })
	select {
	case r := <-result:
		if r.Err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, r.Err)
		}
		return r.Val.(*connection), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: connect: %w", ErrUnreachable, ctx.Err())
	}
}

func (c *sshClient) established() (*connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, net.ErrClosed)
	}
	if c.open != nil && c.open.raw.ended.Load() {
		c.open = nil
	}
	return c.open, nil
}

func (c *sshClient) connect() (*connection, error) {
	if l, err := c.established(); l != nil || err != nil {
		return l, err // made between a caller's look and this attempt
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	l, err := c.login(ctx)
	if err != nil {
		return nil, err
	}
	err = l.chooseWay(ctx)
	if err == nil {
		err = c.required.probe(ctx, l)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		l.Close()
		return nil, net.ErrClosed
	}
	c.open = l
	c.tasks.Go(func() { c.awaitEnd(l) })
	c.tasks.Go(l.keepAlive)
	if l.stdio == nil {
		c.tasks.Go(l.runTrivial)
	}
	return l, nil
}

func (c *sshClient) login(ctx context.Context) (*connection, error) {
	algorithms, err := c.keys.algorithms(c.target.Addr)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Control: setUserTimeout}
	raw, err := d.DialContext(ctx, "tcp", c.target.Addr)
	if err != nil {
		return nil, err
	}
	nc := &netConn{Conn: raw}
	// ClientConfig.Timeout would cover the TCP connect only; a peer that
	// accepts and stays silent must not hold us.
	deadline, _ := ctx.Deadline()
	if err := nc.SetDeadline(deadline); err != nil {
		nc.Close()
		return nil, err
	}
	sc, chans, reqs, err := ssh.NewClientConn(nc, c.target.Addr, &ssh.ClientConfig{
		User:              c.target.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(c.target.Signer)},
		HostKeyCallback:   c.keys.hostKeyCallback,
		HostKeyAlgorithms: algorithms,
	})
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("log in as %s: %w", c.target.User, err)
	}
	if err := nc.SetDeadline(time.Time{}); err != nil {
		nc.Close()
		return nil, err
	}
	return &connection{Client: ssh.NewClient(sc, chans, reqs), ended: make(chan struct{}), raw: nc}, nil
}

func setUserTimeout(_, _ string, raw syscall.RawConn) error {
	var inner error
	err := raw.Control(func(fd uintptr) {
		inner = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
	})
	return errors.Join(err, inner)
}

// awaitEnd waits for the end of l, and forgets it.
func (c *sshClient) awaitEnd(l *connection) {
	_ = l.Wait() // why it ended shows in the error of whoever was using it
	close(l.ended)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == l {
		c.open = nil
	}
}

// keepAlive closes the connection when the other side does not answer in time.
// The reply's content does not matter, sshd refuses the request politely.
func (l *connection) keepAlive() {
	tick := time.NewTicker(keepAliveInterval)
	defer tick.Stop()
	for {
		select {
		case <-l.ended:
			return
		case <-tick.C:
		}
		// SendRequest cannot be cancelled; closing the connection ends it.
		late := time.AfterFunc(keepAliveTimeout, func() { l.Close() })
		_, _, err := l.SendRequest("keepalive@openssh.com", true, nil)
		late.Stop()
		if err != nil {
			l.Close()
			return
		}
	}
}

// drop ends the connection; the next caller makes another.
func (c *sshClient) drop() {
	c.mu.Lock()
	l := c.open
	c.open = nil
	c.mu.Unlock()
	if l != nil {
		l.Close()
	}
}

// close ends the connection and waits for what served it.
func (c *sshClient) close() {
	c.mu.Lock()
	c.closed = true
	l := c.open
	c.mu.Unlock()
	if l != nil {
		l.Close()
	}
	c.tasks.Wait()
}

// dialDocker opens a connection to the host's Docker engine.
func (c *sshClient) dialDocker(ctx context.Context) (net.Conn, error) {
	l, err := c.connection(ctx)
	if err != nil {
		return nil, err
	}
	return l.dialDocker(ctx)
}
