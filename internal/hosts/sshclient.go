package hosts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/singleflight"

	"wrpdistributor/internal/reminder"
)

// An sshClient keeps the one SSH connection to a host. It connects on first use,
// and again when the connection broke. It is safe for concurrent use.
type sshClient struct {
	keys     *hostKeys
	log      *slog.Logger
	timeout  time.Duration // for everything from TCP to the end of the login
	silence  silence       // of an established connection; zero: askAfter and endAfter
	required requiredPorts
	logins   *logins      // of the pool; nil: any number at once
	queued   atomic.Int32 // attempts that wait for a place among those
	dialled  dialled
	aborts   reminder.Trouble

	dialing singleflight.Group // callers share one attempt
	tasks   sync.WaitGroup

	mu         sync.Mutex
	target     SSH
	generation int // of target
	way        way // that the last connection found to the engine; empty: none was found yet
	open       *connection
	retired    map[*connection]struct{} // went before it, and are still used
	closed     bool
}

// connection returns the connection, making one if need be. An attempt outlives
// the caller that began it: others may be waiting for it.
func (c *sshClient) connection(ctx context.Context) (*connection, error) {
	if conn, err := c.established(); conn != nil || err != nil {
		return conn, err
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

// established returns the connection if there is one that has not ended, else nil.
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
	if conn, err := c.established(); conn != nil || err != nil {
		return conn, err // made between a caller's look and this attempt
	}
	for {
		conn, err := c.explore(context.Background())
		if err != nil {
			c.dialled.failed.Add(1)
			return nil, err
		}
		err = c.keep(conn)
		if err == nil {
			return conn, nil
		}
		conn.Close()
		if !errors.Is(err, errRetired) {
			return nil, err
		}
	}
}

// explore logs in, and finds out where the new connection leads. It gives up after
// the timeout, in which the time does not count that it waits for other logins.
func (c *sshClient) explore(ctx context.Context) (*connection, error) {
	begun := time.Now()
	target, generation, known := c.destination()
	raw, err := c.dial(ctx, target)
	if err != nil {
		return nil, err
	}
	left := c.timeout - time.Since(begun)
	done := c.awaitTurn()
	defer done()
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	conn, err := c.login(ctx, raw, target)
	if err != nil {
		return nil, err
	}
	conn.generation = generation
	err = conn.chooseTransport(ctx, c.log, known)
	if err == nil {
		err = c.required.probe(ctx, conn)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// awaitTurn waits for a place among the logins.
func (c *sshClient) awaitTurn() (done func()) {
	c.queued.Add(1)
	defer c.queued.Add(-1)
	return c.logins.begin()
}

// keep makes conn the connection that callers get, and starts what serves it.
func (c *sshClient) keep(conn *connection) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return net.ErrClosed
	case conn.generation != c.generation:
		return errRetired // it leads where nobody wants to go any more
	}
	c.retire(c.open)
	c.open = conn
	c.way = cmp.Or(conn.way, c.way)
	c.dialled.made.Add(1)
	c.tasks.Go(func() { c.awaitEnd(conn) })
	c.tasks.Go(func() { conn.keepAlive(cmp.Or(c.silence, silence{ask: askAfter, end: endAfter})) })
	if conn.way.isSocket() {
		c.tasks.Go(conn.disableNagle)
	}
	return nil
}

func (c *sshClient) dial(ctx context.Context, target SSH) (*netConn, error) {
	d := net.Dialer{Timeout: c.timeout}
	tcp, err := d.DialContext(ctx, "tcp", target.Addr)
	if err != nil {
		return nil, err
	}
	return &netConn{Conn: tcp}, nil
}

// login makes an SSH connection of raw, or closes it.
func (c *sshClient) login(ctx context.Context, raw *netConn, target SSH) (*connection, error) {
	return c.loginTrusting(ctx, raw, target, c.keys.hostKeyCallback)
}

// loginTrusting is login with a judge of its own of the host's key.
func (c *sshClient) loginTrusting(ctx context.Context, raw *netConn, target SSH, judge ssh.HostKeyCallback) (*connection, error) {
	_, err := c.established()
	if err != nil {
		raw.Close()
		return nil, err // the pool was closed meanwhile
	}
	conn, err := handshake(ctx, raw, target.Addr, &ssh.ClientConfig{
		User:              target.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(target.Signer)},
		HostKeyCallback:   judge,
		HostKeyAlgorithms: c.keys.algorithms(target.Addr),
	})
	if err != nil {
		raw.Close()
		return nil, fmt.Errorf("log in as %s: %w", target.User, explainLogin(raw, err))
	}
	return conn, nil
}

// explainLogin says what it may be that sshd refuses a key for. sshd itself says
// that only in its own log.
func explainLogin(raw *netConn, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return explainSilence(raw, err)
	}
	if !strings.Contains(err.Error(), "unable to authenticate") {
		return err
	}
	return fmt.Errorf("%w (another user's key, not in authorized_keys or with a mistake in its options, "+
		"or the user cannot read that file, or others can write to it or its folders, "+
		"or the account is locked, which sshd without PAM does not let in: usermod -p '*' USER)", err)
}

// explainSilence says how far an sshd went that did not end a login in time. The kernel
// accepts connections for one that is frozen, too.
func explainSilence(raw *netConn, err error) error {
	if raw.received.Load() == 0 {
		return fmt.Errorf("%w: %w", ErrMute, err)
	}
	return fmt.Errorf("sshd begins a login and does not end it in time: %w", err)
}

// handshake makes an SSH connection of raw. ClientConfig.Timeout would cover the
// TCP connect only, and a peer that accepts and sends nothing must not hold us.
func handshake(ctx context.Context, raw *netConn, addr string, config *ssh.ClientConfig) (*connection, error) {
	deadline, _ := ctx.Deadline()
	if err := raw.SetDeadline(deadline); err != nil {
		return nil, err
	}
	sc, chans, reqs, err := ssh.NewClientConn(raw, addr, config)
	if err != nil {
		return nil, err
	}
	if err := raw.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	go serve(chans, reqs) // ends with the connection
	return &connection{Conn: sc, ended: make(chan struct{}), raw: raw}, nil
}

// awaitEnd waits for the end of conn, and forgets it.
func (c *sshClient) awaitEnd(conn *connection) {
	_ = conn.Wait() // why it ended shows in the error of whoever was using it
	close(conn.ended)
	if reason := conn.aborted.Load(); reason != nil && c.aborts.Due(*reason) {
		c.log.Warn("SSH connection aborted", "reason", *reason)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.retired, conn)
	if c.open == conn {
		c.open = nil
	}
}

// close ends the connection and waits for what served it.
func (c *sshClient) close() {
	c.mu.Lock()
	c.closed = true
	ending := slices.Collect(maps.Keys(c.retired))
	if c.open != nil {
		ending = append(ending, c.open)
	}
	c.mu.Unlock()
	for _, conn := range ending {
		conn.Close()
	}
	c.tasks.Wait()
}

// dialDocker opens a connection to the host's Docker engine.
func (c *sshClient) dialDocker(ctx context.Context) (net.Conn, error) {
	conn, err := c.connection(ctx)
	if err != nil {
		return nil, err
	}
	return conn.dialDocker(ctx)
}
