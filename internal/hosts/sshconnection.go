package hosts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	dockerSocket = "/var/run/docker.sock"

	// loopback is exactly this: a key restricted to permitopen="127.0.0.1:*" does
	// not match "localhost".
	loopback = "127.0.0.1"
)

// A connection is one established SSH connection, and what it turned out to allow.
type connection struct {
	ssh.Conn
	raw        *netConn
	generation int           // of the login's destination
	ended      chan struct{} // closed when the connection has ended
	questions  questioner

	noWay         error        // why it does not lead to the Docker engine; nil: it does
	stdio         *sessions    // that run dial-stdio; nil: the socket channel works
	forbiddenPort atomic.Int32 // a port on the host's loopback that the key forbids; 0: none is known
	use           usage        // by connections to ports
}

// disableNagle runs a command that does nothing. On a connection that never ran
// one, OpenSSH up to 9.2 leaves Nagle's algorithm on, and every new channel
// stalls for 43 ms. With a key that allows no
// commands the refused attempt is enough.
func (c *connection) disableNagle() {
	ch, requests, err := c.OpenChannel("session", nil)
	if err != nil {
		return
	}
	defer ch.Close()
	if ok, err := ch.SendRequest("exec", true, command("true")); !ok || err != nil {
		return
	}
	_ = ch.CloseWrite() // what runs in its place may wait for input
	ssh.DiscardRequests(requests)
}

// command is what asks for one to be run.
func command(line string) []byte { return ssh.Marshal(struct{ Command string }{line}) }

// chooseTransport finds out how this connection reaches the Docker engine: over
// a channel to its socket, or else over the command made for it. A way that leads to
// an engine which does not answer is a way. If there is none, noWay says why: the
// connection is needed for more.
func (c *connection) chooseTransport(ctx context.Context, log *slog.Logger) error {
	socketErr := ping(ctx, c.dialDockerSocket)
	if socketErr == nil || errors.Is(socketErr, errSilent) {
		return nil
	}
	c.stdio = newSessions(log)
	stdioErr := ping(ctx, c.dialStdio)
	if stdioErr == nil || errors.Is(stdioErr, errSilent) {
		return nil
	}
	if err := ctx.Err(); err != nil || c.raw.ended.Load() {
		return fmt.Errorf("find a way to the Docker engine: %w", cmp.Or(err, stdioErr))
	}
	c.noWay = explainNoWay(c.User(), socketErr, stdioErr)
	return nil
}

// errSilent means that a connection to the engine was made, and nothing came.
var errSilent = errors.New("the Docker engine does not answer")

// A dialFunc opens a connection to the Docker engine.
type dialFunc func(context.Context) (net.Conn, error)

// ping asks the engine for a sign of life by one way, with half of the time that is left.
// What dials may go on for a moment after it has returned.
func ping(ctx context.Context, dial dialFunc) error {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	var dialled atomic.Bool
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		nc, err := dial(ctx)
		dialled.Store(err == nil)
		return nc, err
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, dockerHost+"/_ping", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if errors.Is(err, context.DeadlineExceeded) && dialled.Load() {
		return errSilent
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the Docker engine answers %s", resp.Status)
	}
	return nil
}

func (c *connection) dialDocker(ctx context.Context) (net.Conn, error) {
	if c.noWay != nil {
		return nil, c.noWay
	}
	if c.stdio != nil {
		return c.dialStdio(ctx)
	}
	return c.dialDockerSocket(ctx)
}

func (c *connection) dialDockerSocket(ctx context.Context) (net.Conn, error) {
	nc, err := c.dialSocket(ctx, dockerSocket)
	// sshd says only that it could not.
	if refused, ok := errors.AsType[*ssh.OpenChannelError](err); ok && refused.Reason == ssh.ConnectionFailed {
		return nil, fmt.Errorf("%s cannot be opened there (is Docker stopped?): %w", dockerSocket, err)
	}
	return nc, err
}

// dialPort opens a connection to a port on the host's own loopback. It returns
// [ErrForbidden] if the key does not allow that.
func (c *connection) dialPort(ctx context.Context, port int) (net.Conn, error) {
	nc, err := c.use.dial(func() (net.Conn, error) {
		return c.dialTCP(ctx, loopback, port)
	})
	if refused, ok := errors.AsType[*ssh.OpenChannelError](err); ok && refused.Reason == ssh.Prohibited {
		c.forbiddenPort.CompareAndSwap(0, int32(port))
		return nil, fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	return nc, err
}

// forbidden returns [ErrForbidden] if the key is known to forbid a port.
func (c *connection) forbidden() error {
	if port := c.forbiddenPort.Load(); port != 0 {
		return fmt.Errorf("%w: port %d", ErrForbidden, port)
	}
	return nil
}
