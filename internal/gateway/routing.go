package gateway

import (
	"context"
	"net/http"

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
			return errClosing
		}
		defer g.work.End()
		return next(x)
	}
}

// routed finds the session that a request is for. Nothing that follows is done
// for a request that opens none.
func (g *Gateway) routed(next handler) handler {
	return func(x *exchange) error {
		switch {
		case x.in.Method == http.MethodConnect:
			x.Header().Set("Allow", "GET, HEAD, POST")
			return errMethod
		case isShutdown(x.in.URL.Path):
			return errForbidden
		}
		if token, ok := entrance(x.in.URL.Path); ok {
			return g.enter(x, token)
		}
		// It is use of the session also if the client has left by now.
		ctx := context.WithoutCancel(x.in.Context())
		token, old := g.tokenOf(x.in)
		var err error
		if x.route, err = g.find(ctx, token); err != nil {
			return err
		}
		if err := g.touch(ctx, x.route); err != nil {
			return err
		}
		x.oldCookie = old
		return next(x)
	}
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
