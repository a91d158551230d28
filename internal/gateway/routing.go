package gateway

import (
	"context"
	"net/http"
	"net/url"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/target"
)

// targeted refuses requests that a container might read otherwise than this, and
// those that are for other hosts.
func (g *Gateway) targeted(next handler) handler {
	return func(x *exchange) error {
		if err := target.Check(x.in); err != nil {
			return err
		}
		if !target.IsFor(x.in, g.Address, g.TLSAddress) {
			return errProxy
		}
		return next(x)
	}
}

// admitted refuses requests once the process is about to end.
func (g *Gateway) admitted(next handler) handler {
	return func(x *exchange) error {
		if !g.work.Begin() {
			x.Header().Set("Connection", "close")
			return ErrClosing
		}
		defer g.work.End()
		return next(x)
	}
}

// routed finds the session that a request is for. Nothing that follows is done
// for a request that opens none.
func (g *Gateway) routed(next handler) handler {
	return func(x *exchange) error {
		var err error
		if x.target, err = x.path(); err != nil {
			return err
		}
		if token, ok := Entrance(x.in.URL.Path); ok {
			return g.enter(x, token)
		}
		token, old := g.tokenOf(x.in)
		if err := g.join(x, token); err != nil {
			return err
		}
		x.oldCookie = old
		return next(x)
	}
}

// path returns what a container is asked for as the one that has the page.
func (x *exchange) path() (*url.URL, error) {
	in := x.in.URL
	switch {
	case x.in.Method == http.MethodConnect:
		x.Header().Set("Allow", "GET, HEAD, POST")
		return nil, errMethod
	case IsShutdown(in.Path):
		return nil, errForbidden
	}
	return &url.URL{Path: in.Path, RawPath: in.RawPath, RawQuery: in.RawQuery, ForceQuery: in.ForceQuery}, nil // odd queries are WRP's to judge
}

// join finds the session that a token opens, and uses it, also if the client has left
// by now.
func (g *Gateway) join(x *exchange, token string) (err error) {
	ctx := context.WithoutCancel(x.in.Context())
	if x.route, err = g.find(ctx, token); err != nil {
		return err
	}
	return g.touch(ctx, x.route)
}

// tokenOf returns the token of a request, and whether it is in the old cookie. A plain
// browser's cookie counts only if no header holds one.
func (g *Gateway) tokenOf(r *http.Request) (token string, old bool) {
	if token, header := auth.Token(r); header != "" {
		return token, false
	}
	return g.cookieToken(r)
}

// find returns the session that a token opens. A token that is not known is
// looked up, which takes up to a second, together with all others.
func (g *Gateway) find(ctx context.Context, token string) (*route, error) {
	if token == "" {
		return nil, errUnauthorized
	}
	r, err := g.routes.find(token)
	if err != errUnauthorized {
		return r, err
	}
	if err := g.lookUp(ctx, token); err != nil {
		return nil, err
	}
	return g.routes.find(token)
}
