package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"time"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/clientconn"
	"wrpdistributor/internal/redact"
)

const (
	bufferSize = 64 << 10
	checkAfter = time.Second // that a container may take to begin its answer
)

// passed passes a request to its container, and the answer back. Meanwhile it
// counts as use of the session, and the end of the session waits for it.
func (g *Gateway) passed(x *exchange) error {
	if x.in.Header.Get("Service-Worker") != "" { // a browser's word for what it asks for
		return errWorker
	}
	if !x.route.begin() {
		return ErrEnded
	}
	defer x.route.end()

	ctx, cancel := context.WithCancelCause(x.in.Context())
	defer cancel(nil)
	defer x.guard.watch(func() { cancel(errStalled) })()
	defer context.AfterFunc(x.route.ended, func() { cancel(context.Cause(x.route.ended)) })()

	place, err := x.route.places.take(ctx, clientconn.FromContext(ctx))
	if err != nil {
		return x.notTaken(err)
	}
	defer place.leave()
	x.begins = place.begin
	x.guard.moved()

	out := x.in.WithContext(ctx)
	if out.ContentLength != 0 {
		x.body = &requestBody{ReadCloser: x.in.Body, guard: x.guard}
		out.Body = x.body
		// A container that answers before it has read all is heard before the
		// client has sent all.
		_ = x.guard.client.EnableFullDuplex()
	}
	if err := g.forward(x, out); err != nil {
		return x.blame(context.Cause(ctx), err)
	}
	return nil
}

// notTaken says why a request did not get a place.
func (x *exchange) notTaken(err error) error {
	if errors.Is(err, context.Canceled) {
		return errClientLeft
	}
	return err
}

// forward returns why the container did not answer, in which case nothing is
// written yet, or [http.ErrAbortHandler] if its answer was cut.
func (g *Gateway) forward(x *exchange, out *http.Request) (err error) {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { g.rewrite(p, x) },
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			return g.ask(x.route, r.WithContext(out.Context())) // the proxy's own passes announcements on
		}),
		ModifyResponse: func(resp *http.Response) error {
			removeSetCookies(resp.Header)
			removeLasting(resp.Header)
			if x.oldCookie {
				g.setCookie(x.in, resp.Header, x.route.session.Token)
			}
			return nil
		},
		FlushInterval: -1,
		BufferPool:    &g.buffers,
		ErrorHandler:  func(_ http.ResponseWriter, _ *http.Request, reason error) { err = redact.Answer(reason) },
		ErrorLog:      log.New(io.Discard, "", 0), // it quotes what the container sent
	}
	defer func() {
		switch reason := recover(); reason {
		case nil:
		case http.ErrAbortHandler: // the proxy's way to say so
			err = http.ErrAbortHandler
		default:
			panic(reason)
		}
	}()
	proxy.ServeHTTP(x, out)
	return err
}

// removeLasting takes out of an answer's header what concerns all of the gateway's address, and
// what a browser would go by after the session. It is one container's that says so.
func removeLasting(h http.Header) {
	for _, name := range [...]string{
		"Accept-Ch", "Alt-Svc", "Clear-Site-Data", "Critical-Ch", "Expect-Ct", "Nel", "Public-Key-Pins", "Public-Key-Pins-Report-Only",
		"Report-To", "Reporting-Endpoints", "Service-Worker-Allowed", "Set-Login", "Strict-Transport-Security",
	} {
		h.Del(name)
	}
}

// blame says who ended an exchange early: the client, the gateway for a cause, or
// else the container, with err.
func (x *exchange) blame(cause, err error) error {
	switch {
	case x.clientLeft():
		return errClientLeft
	case x.writeErr != nil:
		return x.writeErr
	case cause != nil:
		return cause
	case errors.Is(err, errUnconfirmed):
		return err // nothing more can be found out
	}
	return fmt.Errorf("%w: %w", ErrNoAnswer, err)
}

// rewrite makes the request that the container gets.
func (g *Gateway) rewrite(p *httputil.ProxyRequest, x *exchange) {
	to := *x.target // nothing but what was looked at
	to.Scheme, to.Host = "http", fmt.Sprintf("session-%d.invalid", x.route.session.ID)
	p.Out.URL = &to
	_, p.Out.Host = g.origin(p.In)
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
	removeCookies(h)
	if x.served != nil && x.served.proxied {
		rewriteProxied(p)
		return
	}
	if _, header := auth.Token(p.In); x.served != nil || header == auth.HeaderAuthorization {
		h.Del(auth.HeaderAuthorization) // it held what is ours, not what WRP may ask for
	}
	h.Set(auth.HeaderBearer, x.route.session.Token)
}

// ask sends the request to its container. One that is slow to answer is checked:
// it may be frozen, or gone without its connections having noticed.
func (g *Gateway) ask(r *route, out *http.Request) (*http.Response, error) {
	late := time.AfterFunc(checkAfter, func() { g.check(r) })
	defer late.Stop()
	resp, err := r.transport.RoundTrip(out)
	if err == nil && resp.StatusCode < http.StatusOK {
		resp.Body.Close()
		return nil, redact.ErrMalformed // net/http knows no such end of an exchange, and panics
	}
	if err != nil {
		return nil, err
	}
	// Headers that come after a body would get past all that looks at headers. The body of the
	// answer knows the other one only.
	plain := *resp
	plain.Trailer = nil
	return &plain, nil
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A bufferPool is shared by all exchanges.
type bufferPool struct{ pool sync.Pool }

// Get implements [httputil.BufferPool].
func (b *bufferPool) Get() []byte {
	if buf, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return buf[:]
	}
	return make([]byte, bufferSize)
}

// Put implements [httputil.BufferPool].
func (b *bufferPool) Put(p []byte) { b.pool.Put((*[bufferSize]byte)(p)) }
