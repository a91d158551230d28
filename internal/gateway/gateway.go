// Package gateway is the one port through which clients reach the containers of
// all private sessions.
//
// A request says by its token whose it is, and is passed on through the SSH
// connection of the host that the session's container runs on. What the gateway
// knows of sessions it keeps in memory, as routes; the database is asked only
// about tokens that are new to it, and at intervals. So it goes on serving while
// the database is away.
//
// What callers can rely on: nobody reaches a container without its token, and
// /shutdown/ is reached by nobody; the last use of a session is written down
// within an interval, and at most once in it; no request stays for ever, and
// none is cut while bytes move. Whoever kills the process cuts the requests under
// way and loses at most one interval of use.
//
// The server in front must not limit the time of a whole request or answer: the
// gateway sets the deadlines of connections itself.
package gateway

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/inflight"
	"wrpdistributor/internal/session"
)

const (
	defaultDrain = 5 * time.Second
	defaultStall = 5 * time.Minute
)

// Config holds what a gateway needs.
type Config struct {
	Sessions *session.Manager
	Store    Store
	Pool     *hosts.Pool
	Guard    *auth.Guard
	Address  string // host:port that clients find the gateway at; asked only for those that do not say
	Log      *slog.Logger

	// FreezeAfter is how long a session is not used before its container is
	// paused; 0: never. It is taken for two intervals if it is less.
	FreezeAfter time.Duration

	DrainTimeout time.Duration // how long the end of a session waits for its requests; 0: 5 s
	Interval     time.Duration // how often the use of a session is written down; 0: session.GatewayDelay, which is the most
	StallTimeout time.Duration // after which a request that does not move is cut; 0: 5 min
}

// A Store is what the gateway reads and writes of sessions by itself.
// [session.Store] is one.
type Store interface {
	GatewaySessions(ctx context.Context) ([]session.Session, error)
	Freezable(ctx context.Context, unused time.Duration) ([]session.Session, error)
	TouchAll(ctx context.Context, ids []int64) (int64, error)
}

// A Gateway is an [http.Handler] and a [session.Observer]. It is safe for concurrent
// use.
type Gateway struct {
	Config
	proxy   *httputil.ReverseProxy
	routes  table
	refresh refresher

	work  inflight.Counter // requests
	tasks inflight.Counter // what goes on behind them
	alive context.Context  // of the tasks
	abort context.CancelFunc
}

// New returns a gateway. It serves at once; [Gateway.Run] is what keeps it, and
// the table of sessions, up to date.
func New(cfg Config) *Gateway {
	const most = session.GatewayDelay
	cfg.Interval = min(cmp.Or(cfg.Interval, most), most)
	cfg.DrainTimeout = cmp.Or(cfg.DrainTimeout, defaultDrain)
	cfg.StallTimeout = cmp.Or(cfg.StallTimeout, defaultStall)
	if cfg.FreezeAfter > 0 {
		// Only then is the first request to a frozen session one that is
		// written down, which wakes it.
		cfg.FreezeAfter = max(cfg.FreezeAfter, 2*cfg.Interval)
	}
	g := &Gateway{Config: cfg}
	g.alive, g.abort = context.WithCancel(context.Background())
	g.routes.init()
	g.proxy = g.newProxy()
	return g
}

// ServeHTTP implements [http.Handler].
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := newExchange(g, w, r)
	defer f.close()
	if !g.work.Begin() {
		w.Header().Set("Connection", "close")
		f.fail(errClosing)
		return
	}
	defer g.work.End()
	if err := g.serve(f); err != nil {
		f.fail(err)
	}
}

// serve answers a request, or returns why it does not. Nothing is written then.
func (g *Gateway) serve(f *exchange) error {
	switch {
	case f.in.Method == http.MethodConnect:
		f.Header().Set("Allow", "GET, HEAD, POST")
		return errMethod
	case isShutdown(f.in.URL.Path):
		return errForbidden
	}
	if token, ok := entrance(f.in.URL.Path); ok {
		return g.enter(f, token)
	}
	token, header := auth.Token(f.in)
	if header == "" {
		token = cookieToken(f.in)
	}
	var err error
	if f.route, err = g.find(f.in.Context(), token); err != nil {
		return err
	}
	// Only then does it count as under way: use is written down without waking
	// anything while requests are.
	if err := g.touch(f.in.Context(), f.route); err != nil {
		return err
	}
	if !f.begin() {
		return errGone
	}
	defer f.end()
	g.pass(f, header)
	return nil
}

// find returns the session that a token opens. A token that is not known is
// looked up, which takes up to a second, together with all others.
func (g *Gateway) find(ctx context.Context, token string) (*route, error) {
	if token == "" {
		return nil, errUnauthorized
	}
	if r, err := g.routes.find(token); r != nil || err != nil {
		return r, err
	}
	if err := g.update(ctx); err != nil {
		return nil, err
	}
	r, err := g.routes.find(token)
	if r == nil && err == nil {
		err = errUnauthorized
	}
	return r, err
}

// Run writes down which sessions are used, learns of those that other processes
// start and end, and freezes those that nobody uses, until ctx is done. Then it
// writes down the last use.
func (g *Gateway) Run(ctx context.Context) error {
	var loops sync.WaitGroup
	loops.Go(func() { g.keepReloading(ctx) })
	if g.FreezeAfter > 0 {
		loops.Go(func() { g.keepFreezing(ctx) })
	}
	g.keepFlushing(ctx)
	loops.Wait()
	g.flushAll(ctx)
	return nil
}

// Drain makes every further request be answered 503, and waits for those under
// way, or for ctx. Then the last use is written down.
func (g *Gateway) Drain(ctx context.Context) {
	_ = g.work.Drain(ctx) // who is late is told nothing either way
	g.flushAll(ctx)
}

// Close ends what goes on behind the requests, and the connections that none of
// them uses. It must be called last.
func (g *Gateway) Close() {
	g.abort()
	_ = g.tasks.Drain(context.Background()) // they end with g.alive
	for _, r := range g.routes.all() {
		r.transport.CloseIdleConnections()
	}
}
