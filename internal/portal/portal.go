// Package portal lets people's browsers in at the gateway, which have no token of a
// session: it asks who they are, gets them a session, lets them wait for it on a page,
// and has the gateway pass on what they ask for.
//
// What callers can rely on: requests with a token in a header reach the gateway untouched.
// Only a person starts something: who shows a right password, or presses a button. A
// request is answered within [Config.Wait] and the time that the database takes, with a
// page if not with what was asked for; how long WRP draws is not counted. Whatever changes
// something is a POST with a nonce that only a page of ours has. Nobody's credentials pass
// on to a container, and nobody who is known is led into another's session unasked.
//
// It knows no more of a browser than its last request showed, but for the tokens of
// sessions, which sessions are being started, and since when somebody waits: each once for
// a client, and forgotten soon.
package portal

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/inflight"
	"wrpdistributor/internal/session"
	"wrpdistributor/internal/target"
)

// A Config holds what a portal needs. All fields are required, but those that say
// otherwise.
type Config struct {
	Sessions *session.Manager
	Accounts *accounts.Accounts // whose key is loaded
	Gateway  *gateway.Gateway
	Guard    *auth.Guard
	Log      *slog.Logger

	DatabaseID string // names the cookies, as those of the gateway

	Anyone     bool     // may come in by a button, and nobody by name and password
	PerAddress int      // sessions of one address, if anyone may come in
	Proxy      bool     // browsers may have the gateway as their proxy
	Names      []string // hosts that are this service, without ports

	Address, TLSAddress string // host:port at which clients find the gateway; empty: not known
	Port                string // the same of its listener without TLS, which has one whatever its host; empty: not known

	Wait         time.Duration // for a session, before there is a page instead
	Idle, MaxAge time.Duration // after which sessions end: unused, and in any case; 0: not known, or never
}

// A Portal is the [http.Handler] before a gateway. It is safe for concurrent use.
type Portal struct {
	Config
	ours    []string // hosts of Names, as [target.IsFor] wants them
	pages   *pages
	metrics *metrics
	starts  starts
	tokens  tokens
	waits   waits
	work    inflight.Counter // starts, and what waits for them
}

// New returns a portal.
func New(cfg Config) *Portal {
	p := &Portal{Config: cfg, pages: parsePages(), ours: []string{cfg.Address, cfg.TLSAddress}}
	for _, name := range cfg.Names {
		p.ours = append(p.ours, net.JoinHostPort(name, "0"))
	}
	p.starts.init()
	p.tokens.init()
	p.waits.init()
	p.metrics = newMetrics(&p.waits)
	return p
}

// ServeHTTP implements [http.Handler].
func (p *Portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect && p.Proxy:
		p.answer(w, r, func(*exchange) error { return errTunnel })
	case r.Method == http.MethodConnect || target.Check(r) != nil:
		p.Gateway.ServeHTTP(w, r) // which refuses it
	case p.isOurs(r):
		p.serveOurs(w, asOrigin(r))
	case p.Proxy:
		p.answer(w, r, p.proxied)
	default:
		p.Gateway.ServeHTTP(w, r)
	}
}

// serveOurs answers a request that is for this service.
func (p *Portal) serveOurs(w http.ResponseWriter, r *http.Request) {
	switch {
	case hasToken(r):
		p.Gateway.ServeHTTP(w, r)
		return
	case isEntrance(r):
		p.answer(w, r, p.enter)
		return
	}
	if own := p.ownPage(r.URL.Path); own != nil {
		p.answer(w, r, own)
		return
	}
	// An error is for the gateway to tell: nobody knows whose cookie it is.
	if lives, err := p.cookieLives(r); lives && addressIn(r.URL) == "" || err != nil {
		p.Gateway.ServeHTTP(w, withoutPassword(r))
		return
	}
	p.answer(w, r, p.entered)
}

// isOurs reports whether a request is for this service, and not for another host.
func (p *Portal) isOurs(r *http.Request) bool { return target.IsFor(r, p.ours...) }

// asOrigin returns a request as a server gets it that is no proxy. That it came in
// another form is remembered: its browser has us as its proxy, and may have said there who
// it is.
func asOrigin(r *http.Request) *http.Request {
	if r.URL.Scheme == "" {
		return r
	}
	in := r.WithContext(context.WithValue(r.Context(), throughProxy{}, true))
	to := *r.URL
	to.Scheme, to.Host, to.User, to.Path = "", "", nil, cmp.Or(to.Path, "/")
	in.URL = &to
	return in
}

type throughProxy struct{}

// withoutPassword returns a request without the password that its browser was asked for
// here, and sends on: it is for no container, least of all one that is somebody else's.
func withoutPassword(r *http.Request) *http.Request {
	to := r.WithContext(r.Context())
	to.Header = r.Header.Clone()
	to.Header.Del(auth.HeaderAuthorization)
	return to
}

// cookieLives reports whether the gateway's cookie opens a session. What opens none is
// skipped.
func (p *Portal) cookieLives(r *http.Request) (bool, error) {
	token := p.Gateway.CookieToken(r)
	if token == "" {
		return false, nil
	}
	return p.Gateway.Lives(r.Context(), token)
}

// Drain starts nothing more, and waits for what is under way, or for ctx.
func (p *Portal) Drain(ctx context.Context) { _ = p.work.Drain(ctx) } // what is late is called off by the sessions

// Close waits for what is under way. It must be called after the sessions are closed.
func (p *Portal) Close() { p.Drain(context.Background()) }

// cookieName returns the name of the cookie that says who somebody is, or, with a suffix,
// of another one that no container gets either.
func (p *Portal) cookieName(suffix string) string {
	return fmt.Sprintf("%s%.8s%s", gateway.LoginCookie, p.DatabaseID, suffix)
}
