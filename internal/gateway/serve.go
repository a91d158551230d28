package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/target"
)

// served is what the caller of [Gateway.Serve] knows of a request.
type served struct {
	token   string
	proxied bool
}

// Serve carries a request out for the session that a token opens, which somebody else
// has found: nothing in the request is taken for a token, and what says who somebody is
// does not reach the container. If it is proxied, its target is an address of the web,
// and the container is asked for it as the client's proxy.
//
// An error says why there is no answer, such as [ErrEnded], also if the token opens
// nothing, [ErrUnreachable], [ErrNoAnswer], [ErrUnavailable] or [ErrClosing]. Then nothing is
// written yet, and [Explain] has what to say. An answer that was cut aborts the
// client's connection.
func (g *Gateway) Serve(w http.ResponseWriter, r *http.Request, token string, proxied bool) error {
	x := newExchange(w, r, g.StallTimeout)
	x.served = &served{token, proxied}
	err := g.serve(x)
	if err != nil && !x.refused {
		panic(http.ErrAbortHandler)
	}
	return err
}

// Lives reports whether a token opens a session that has not ended. One that this
// process does not know is looked up, which takes up to a second.
func (g *Gateway) Lives(ctx context.Context, token string) (bool, error) {
	_, err := g.find(ctx, token)
	if err == errUnauthorized || errors.Is(err, ErrEnded) {
		return false, nil
	}
	return err == nil, err
}

// CookieToken returns the token in the cookie of a plain browser; empty: there is none.
func (g *Gateway) CookieToken(r *http.Request) string {
	token, _ := g.cookieToken(r)
	return token
}

// returned leaves it to the caller to tell the client why its request is refused.
func returned(next handler) handler {
	return func(x *exchange) error {
		x.err = next(x)
		switch {
		case x.err == nil || x.begun():
			return x.err
		case x.clientLeft():
			x.err = errClientLeft
			return x.err
		}
		x.refused = true
		x.err = ofCaller(x.err)
		return x.err
	}
}

// ofCaller returns an error as one of those that the caller of Serve knows.
func ofCaller(err error) error {
	switch {
	case errors.Is(err, errUnauthorized):
		return ErrEnded // it did open a session, or the caller would not have it
	case errors.Is(err, errEndedMeanwhile):
		return fmt.Errorf("%w: %w", ErrEnded, err)
	case errors.Is(err, errUnconfirmed):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// opened finds the session of a request that somebody else has let in.
func (g *Gateway) opened(next handler) handler {
	return func(x *exchange) error {
		err := target.Check(x.in)
		if err != nil {
			return err
		}
		if x.target, err = x.pathOrAddress(); err != nil {
			return err
		}
		if err := g.join(x, x.served.token); err != nil {
			return err
		}
		return next(x)
	}
}

func (x *exchange) pathOrAddress() (*url.URL, error) {
	if x.served.proxied {
		return x.address()
	}
	return x.path()
}

// address returns what a container is asked for as a proxy. WRP goes by the path alone:
// it takes any host's /shutdown/ for its own.
func (x *exchange) address() (*url.URL, error) {
	in := x.in.URL
	if in.Scheme == "" || !isASCII(in.Host) {
		return nil, target.Err
	}
	switch {
	case x.in.Method == http.MethodConnect:
		return nil, errMethod
	case beginsWithShutdown(in.Path):
		return nil, errOwnPath
	}
	// WRP's server redirects from an empty path.
	address := url.URL{Scheme: in.Scheme, User: in.User, Host: in.Host, Path: cmp.Or(in.Path, "/"), RawPath: in.RawPath, RawQuery: in.RawQuery, ForceQuery: in.ForceQuery}
	return &url.URL{Opaque: address.String()}, nil
}

func isASCII(host string) bool {
	for i := range len(host) {
		if host[i] >= 0x80 {
			return false
		}
	}
	return true
}

// rewriteProxied makes the header that a container gets as a proxy. The session's token
// is left out: a proxy passes on what it does not know.
func rewriteProxied(p *httputil.ProxyRequest) {
	p.Out.Host = p.In.URL.Host
	p.Out.Header.Del(auth.HeaderBearer)
}
