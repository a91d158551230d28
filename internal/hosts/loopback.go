package hosts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"golang.org/x/crypto/ssh"
)

// loopback is exactly this: a key restricted to permitopen="127.0.0.1:*" does not
// match "localhost".
const loopback = "127.0.0.1"

// A requiredPorts says which ports on a host's loopback have to be within reach.
type requiredPorts struct {
	configured []int // tried on every new connection; empty: nobody needs any

	mu      sync.Mutex
	refused []int // refused in between, tried as well from then on
}

// probe finds out whether l reaches the ports. What sshd forbids it forbids for as
// long as the connection lasts; that nothing listens on a port says the opposite.
func (f *requiredPorts) probe(ctx context.Context, l *connection) error {
	f.mu.Lock()
	ports := append(append([]int{}, f.configured...), f.refused...)
	f.mu.Unlock()
	for _, port := range ports {
		c, err := l.dialPort(ctx, port)
		if err == nil {
			c.Close()
			continue
		}
		if errors.Is(err, ErrForbidden) {
			return nil // l remembers it; Docker may still be asked to clean up
		}
		if _, refused := errors.AsType[*ssh.OpenChannelError](err); !refused {
			return err
		}
	}
	return nil
}

// addRefused notes a port that turned out to be forbidden only when it was needed.
func (f *requiredPorts) addRefused(port int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.refused) < maxStdio {
		f.refused = append(f.refused, port)
	}
}

// dialPort opens a connection to a port on the host's own loopback.
func (l *connection) dialPort(ctx context.Context, port int) (net.Conn, error) {
	c, err := l.DialContext(ctx, "tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if refused, ok := errors.AsType[*ssh.OpenChannelError](err); ok && refused.Reason == ssh.Prohibited {
		l.forbiddenPort.CompareAndSwap(0, int32(port))
		return nil, fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	return c, err
}

// forbidden says whether the key keeps us from the containers.
func (l *connection) forbidden() error {
	if port := l.forbiddenPort.Load(); port != 0 {
		return fmt.Errorf("%w: port %d", ErrForbidden, port)
	}
	return nil
}

// canForward says whether the host lets us through to private containers. One
// that does not takes none.
func (h *host) canForward(ctx context.Context) error {
	if h.client == nil || len(h.client.required.configured) == 0 {
		return nil
	}
	l, err := h.client.connection(ctx)
	if err != nil {
		return err
	}
	return l.forbidden()
}

// dialLoopback connects to a private container's port.
func (h *host) dialLoopback(ctx context.Context, port int) (net.Conn, error) {
	if h.client == nil {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	}
	if l, _ := h.client.established(); l == nil {
		// Every request would wait for a connect of its own to time out.
		if err := h.unresponsive(); err != nil {
			return nil, err
		}
	}
	l, err := h.client.connection(ctx)
	if err != nil {
		h.markDown(ctx, err)
		return nil, err
	}
	c, err := l.dialPort(ctx, port)
	if errors.Is(err, ErrForbidden) {
		h.client.required.addRefused(port)
		h.markDown(ctx, err)
	}
	return c, err
}

// Dial connects to the port of a private container, through the host's SSH
// connection.
func (p *Pool) Dial(ctx context.Context, name string, port int) (net.Conn, error) {
	h, err := p.find(name)
	if err != nil {
		return nil, err
	}
	c, err := h.dialLoopback(ctx, port)
	if err != nil {
		return nil, fmt.Errorf("connect to port %d of %s: %w", port, name, err)
	}
	return c, nil
}
