package hosts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// errAddress means that no direct container can be published where it should.
var errAddress = errors.New("PUBLISH_ADDRESS is no address of this machine")

// canPublish returns why the host's address cannot be published on, or nil. An
// engine says so only when a container starts, and to a client.
func (h *host) canPublish() error {
	address := h.configured().Publish
	if h.client != nil || address == "" || h.cfg.GatewayStartPort > 0 {
		return nil
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return fmt.Errorf("%w: %w", errAddress, err)
	}
	return ln.Close()
}

// publishOn returns the address of the host that the port of s is published on;
// empty: all.
func (h *host) publishOn(s Spec) string {
	if s.Gateway {
		return loopback
	}
	return h.configured().Publish
}

// dialPublished connects to the port of a direct container on this machine. What
// is published on one address answers there only.
func (h *host) dialPublished(ctx context.Context, port int) (net.Conn, error) {
	address := h.configured().Publish
	switch address {
	case "", "0.0.0.0":
		address = loopback
	case "::":
		address = "::1"
	}
	return dialOwn(ctx, address, port)
}

// dialOwn connects to a port of this machine.
func dialOwn(ctx context.Context, address string, port int) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(port)))
}
