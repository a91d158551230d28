package hosts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
)

// maxRefused bounds how many ports, refused while in use, each login probes besides
// the configured ones.
const maxRefused = 8

// requiredPorts are those on a host's loopback that have to be within reach, for
// containers that clients connect to through the gateway.
type requiredPorts struct {
	mu         sync.Mutex
	configured []int // probed on every new connection; empty: there is no gateway
	refused    []int // refused while connected, probed as well from then on
}

// probe finds out whether conn reaches the ports. What sshd forbids it forbids
// for as long as the connection lasts, and conn remembers it: the host takes no
// containers then, but Docker can still be asked. A port that nothing listens on
// is not forbidden.
func (r *requiredPorts) probe(ctx context.Context, conn *connection) error {
	for _, port := range r.all() {
		nc, err := conn.dialPort(ctx, port)
		if err == nil {
			nc.Close()
			continue
		}
		if errors.Is(err, ErrForbidden) {
			return nil
		}
		if _, refused := errors.AsType[*ssh.OpenChannelError](err); !refused {
			return err
		}
	}
	return nil
}

func (r *requiredPorts) all() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(append([]int{}, r.configured...), r.refused...)
}

// addRefused notes a port that turned out to be forbidden only when it was needed.
func (r *requiredPorts) addRefused(port int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.refused) < maxRefused {
		r.refused = append(r.refused, port)
	}
}

// canForward returns why the host does not let us through to containers on its
// loopback, or nil. A host that does not takes none.
func (h *host) canForward(ctx context.Context) error {
	if h.client == nil || h.client.required.isEmpty() {
		return nil
	}
	conn, err := h.client.connection(ctx)
	if err != nil {
		return err
	}
	return conn.forbidden()
}

// dialLoopback connects to a port on the host's loopback. Whether the host's engine
// answers makes no difference.
func (h *host) dialLoopback(ctx context.Context, port int) (net.Conn, error) {
	if h.client == nil {
		return dialOwn(ctx, loopback, port)
	}
	// Otherwise every request would wait for a connect of its own to time out.
	if err := h.unconnected(); err != nil {
		return nil, err
	}
	nc, err := h.client.dialPort(ctx, port)
	switch {
	case errors.Is(err, ErrForbidden):
		h.client.required.addRefused(port)
		h.markDown(ctx, err)
	case errors.Is(err, ErrUnreachable):
		h.markDown(ctx, err)
	}
	return nc, err
}

// Dial connects to the port of a container that was started for the gateway,
// through the host's SSH connection. It gives up after twice the connect
// timeout, in which only the time counts while the link is not behind.
func (p *Pool) Dial(ctx context.Context, name string, port int) (net.Conn, error) {
	h, err := p.find(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := h.patience(ctx, 2*h.cfg.ConnectTimeout)
	defer cancel()
	nc, err := h.dialLoopback(ctx, port)
	if err != nil {
		return nil, fmt.Errorf("connect to port %d of %s: %w", port, name, InWords(err))
	}
	return nc, nil
}
