package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"time"

	"wrpdistributor/internal/auth"
)

const (
	bufferSize = 64 << 10
	checkAfter = time.Second // that a container may take to begin its answer
)

func (g *Gateway) newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:       g.rewrite,
		Transport:     roundTripper(g.ask),
		FlushInterval: -1,
		BufferPool:    &buffers{sync.Pool{New: func() any { return new([bufferSize]byte) }}},
		ErrorHandler:  g.refused,
		ErrorLog:      slog.NewLogLogger(g.Log.Handler(), slog.LevelDebug),
	}
}

type flightKey struct{}

func flightOf(ctx context.Context) *exchange { return ctx.Value(flightKey{}).(*exchange) }

// pass passes the request on and the answer back. The header is the one that the
// token came in.
func (g *Gateway) pass(f *exchange, header string) {
	ctx, cancel := context.WithCancelCause(context.WithValue(f.in.Context(), flightKey{}, f))
	defer cancel(nil)
	f.watchdog = time.AfterFunc(g.StallTimeout, func() { cancel(errStalled) })
	defer f.watchdog.Stop()
	defer context.AfterFunc(f.route.ended, func() { cancel(context.Cause(f.route.ended)) })()

	out := f.in.WithContext(ctx)
	if header == auth.HeaderAuthorization {
		out.Header = out.Header.Clone()
		out.Header.Del(header)
	}
	if out.ContentLength != 0 {
		f.body = &requestBody{ReadCloser: f.in.Body, exchange: f}
		out.Body = f.body
		// A server that answers before it has read all is answered before we have.
		_ = f.client.EnableFullDuplex()
	}
	defer g.cutShort(f, ctx)
	g.proxy.ServeHTTP(f, out)
}

// cutShort notes why an answer that was under way was cut.
func (g *Gateway) cutShort(f *exchange, ctx context.Context) {
	reason := recover()
	if reason == nil {
		return
	}
	switch {
	case f.err != nil, f.writeErr != nil:
	case f.in.Context().Err() != nil:
		f.err = errClientLeft
	case context.Cause(ctx) != nil:
		f.err, f.status = context.Cause(ctx), http.StatusBadGateway
	default:
		f.err, f.status = errNoAnswer, http.StatusBadGateway
		g.check(f.route)
	}
	panic(reason)
}

// rewrite makes the request that the container gets.
func (g *Gateway) rewrite(p *httputil.ProxyRequest) {
	r := flightOf(p.In.Context()).route
	p.Out.URL.Scheme = "http"
	p.Out.URL.Host = fmt.Sprintf("session-%d.invalid", r.session.ID)
	p.Out.URL.RawQuery = p.In.URL.RawQuery // odd ones are WRP's to judge
	if p.Out.Host == "" {
		p.Out.Host = g.Address
	}
	h := p.Out.Header
	for name := range h {
		if strings.HasPrefix(name, "X-Forwarded-") {
			h.Del(name)
		}
	}
	// WRP switches to no other protocol, and the client's server says itself
	// when a body may come.
	for _, name := range []string{"Connection", "Upgrade", "Expect"} {
		h.Del(name)
	}
	h.Set(auth.HeaderBearer, r.session.Token)
	removeCookie(h)
}

// ask sends the request to its container. One that is slow to answer is looked
// at: it may be frozen, or gone without its connections having noticed.
func (g *Gateway) ask(out *http.Request) (*http.Response, error) {
	r := flightOf(out.Context()).route
	late := time.AfterFunc(checkAfter, func() { g.check(r) })
	defer late.Stop()
	return r.transport.RoundTrip(out)
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// refused answers a request that got no answer from its container.
func (g *Gateway) refused(_ http.ResponseWriter, out *http.Request, err error) {
	f := flightOf(out.Context())
	f.end() // the look may end the session, which waits for its requests
	cause := context.Cause(out.Context())
	switch {
	case f.in.Context().Err() != nil, f.body != nil && f.body.failed():
		err = errClientLeft
	case errors.Is(cause, errEnded), errors.Is(cause, errStalled):
		err = cause
	default:
		err = g.explain(f.in.Context(), f.route, err)
	}
	f.fail(err)
}

// buffers are shared by all requests.
type buffers struct{ pool sync.Pool }

// Get implements [httputil.BufferPool].
func (b *buffers) Get() []byte { return b.pool.Get().(*[bufferSize]byte)[:] }

// Put implements [httputil.BufferPool].
func (b *buffers) Put(p []byte) { b.pool.Put((*[bufferSize]byte)(p)) }
