package gateway

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"wrpdistributor/internal/redact"
)

// A transport makes its [http.Transport] when it is first used: most routes are of
// sessions that this process knows, and passes nothing on to.
type transport struct {
	create func() *http.Transport
	once   sync.Once
	made   atomic.Pointer[http.Transport] // nil: not yet
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.once.Do(func() { t.made.Store(t.create()) })
	return t.made.Load().RoundTrip(r)
}

// CloseIdleConnections is that of [http.Transport].
func (t *transport) CloseIdleConnections() {
	if made := t.made.Load(); made != nil {
		made.CloseIdleConnections()
	}
}

// maxHeader is how long the header of a container's answer may be. All of it is in memory
// before the client gets any, and net/http would take 10 MB.
const maxHeader = 256 << 10

// newTransport returns what passes requests on to the container of a route.
func (g *Gateway) newTransport(r *route) *http.Transport {
	return &http.Transport{
		DialContext:         redact.Dialer(func(ctx context.Context) (net.Conn, error) { return g.connect(ctx, r) }),
		DisableCompression:  true,
		MaxIdleConnsPerHost: maxIdleConns, // for as long as the container lives: they end with it

		MaxResponseHeaderBytes: maxHeader,
	}
}
