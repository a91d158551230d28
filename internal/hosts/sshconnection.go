package hosts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// loopback is exactly this: a key restricted to permitopen="127.0.0.1:*" does not match
// "localhost".
const loopback = "127.0.0.1"

// A connection is one established SSH connection, and what it turned out to allow.
type connection struct {
	ssh.Conn
	raw        *netConn
	generation int           // of the login's destination
	ended      chan struct{} // closed when the connection has ended
	questions  questioner

	outstanding outstanding
	unread      unread
	aborted     atomic.Pointer[error] // why; nil: it was not

	way           way          // to the Docker engine; empty: none
	noWay         error        // why there is none; nil: there is
	stdio         *sessions    // that run dial-stdio, if that is the way
	forbiddenPort atomic.Int32 // a port on the host's loopback that the key forbids; 0: none is known
	use           usage        // by connections to ports
}

// disableNagle runs a command that does nothing. On a connection that never ran
// one, OpenSSH up to 9.2 leaves Nagle's algorithm on, and every new channel
// stalls for 43 ms. With a key that allows no
// commands the refused attempt is enough.
func (c *connection) disableNagle() {
	ch, err := c.openChannel("session", noPort, nil)
	if err != nil {
		return
	}
	defer ch.Close()
	if ok, err := ch.SendRequest("exec", true, command("true")); !ok || err != nil {
		return
	}
	_ = ch.CloseWrite() // what runs in its place may wait for input
	<-ch.ended
}

// command is what asks for one to be run.
func command(line string) []byte { return ssh.Marshal(struct{ Command string }{line}) }

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
