// Package gateway is the one port through which clients reach the containers of
// all gateway sessions: those whose containers nobody else can reach.
//
// A request says by its token which session it is for, and is passed on through
// the SSH connection of the host that the session's container runs on. What the
// gateway knows of sessions it keeps in memory, as routes; the database is asked
// only about tokens that are new to it, and at intervals. So it goes on serving
// while the database is away.
//
// What callers can rely on: nobody reaches a container without its token, and
// nobody reaches /shutdown/; the last use of a session is written down within an
// interval, and about once in it; no request stays for ever, and none is cut
// while bytes move. Whoever kills the process cuts the requests under way and
// loses at most one interval of use.
//
// The server in front must not limit the time of a whole request or answer: the
// gateway sets the deadlines for reading bodies itself. Its listener must be one of
// package clientconn, which ends what clients do not take.
package gateway

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/inflight"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/reminder"
	"wrpdistributor/internal/session"
)

const (
	defaultDrain = 5 * time.Second
	defaultStall = 5 * time.Minute
)

// Config holds what a gateway needs.
type Config struct {
	Sessions Sessions
	Store    Store
	Pool     *hosts.Pool
	Guard    *auth.Guard
	Journal  *journal.Writer // nil: nothing is noted
	Log      *slog.Logger

	DatabaseID string // names the cookie: gateways of two databases may be on one host

	// What clients find the gateway at, host:port; empty: not known. They stand in for
	// the host that a client does not name.
	Address, TLSAddress string

	// FreezeAfter is how long a session is not used before its container is
	// paused; 0: never. It is taken for two intervals if it is less.
	FreezeAfter time.Duration

	DrainTimeout time.Duration // how long the end of a session waits for its requests; 0: 5 s
	Interval     time.Duration // how often the use of a session is written down; 0: session.GatewayDelay, which is the most
	StallTimeout time.Duration // after which a request that does not move is cut; 0: 5 min
}

// Sessions is what the gateway has done to sessions. [session.Manager] does it.
type Sessions interface {
	TouchByID(ctx context.Context, id int64) (*session.Session, error)
	Freeze(ctx context.Context, s *session.Session, unused time.Duration) (bool, error)
	ConfirmRuns(ctx context.Context, s *session.Session) error
	RepairUnresponsive(ctx context.Context, s *session.Session, gone func()) error
}

// A Store is what the gateway reads and writes of sessions by itself.
// [session.Store] is one.
type Store interface {
	GatewayBriefs(ctx context.Context) ([]session.Brief, error)
	GatewaySessions(ctx context.Context, ids []int64) ([]session.Session, error)
	GatewaySessionsOf(ctx context.Context, tokens []string) ([]session.Session, error)
	Freezable(ctx context.Context, unused time.Duration) ([]int64, error)
	TouchAll(ctx context.Context, ids []int64) (int64, error)
}

// A Gateway is an [http.Handler] and a [session.Observer]. It is safe for concurrent
// use.
type Gateway struct {
	Config
	handle  handler
	serve   handler // of what Serve is asked for
	cookie  string  // the name of the one that holds the token of a plain browser
	dial    func(ctx context.Context, host string, port int) (net.Conn, error)
	buffers bufferPool
	routes  table
	lookups question[string] // whose session a token opens
	metrics *metrics

	conns        atomic.Int64 // to containers
	maxKept      int64        // of these
	flushTrouble reminder.Trouble

	work  inflight.Counter // requests
	tasks inflight.Counter // goroutines that outlive the request which started them
	alive context.Context  // of the tasks
	abort context.CancelFunc
}

// New returns a gateway. It serves at once; [Gateway.Run] is what keeps its table of
// sessions, and their last use in the database, up to date.
func New(cfg Config) *Gateway {
	const most = session.GatewayDelay
	cfg.Interval = min(cmp.Or(cfg.Interval, most), most)
	cfg.DrainTimeout = cmp.Or(cfg.DrainTimeout, defaultDrain)
	cfg.StallTimeout = cmp.Or(cfg.StallTimeout, defaultStall)
	if cfg.FreezeAfter > 0 {
		// Else the first request to a frozen session could find that its use was
		// written down just now, and would not unfreeze it.
		cfg.FreezeAfter = max(cfg.FreezeAfter, 2*cfg.Interval)
	}
	g := &Gateway{Config: cfg, cookie: fmt.Sprintf("%s_%.8s", oldCookie, cfg.DatabaseID), dial: cfg.Pool.Dial, maxKept: maxKept, lookups: question[string]{pause: lookupPause}, metrics: newMetrics()}
	g.alive, g.abort = context.WithCancel(context.Background())
	g.routes.init()
	g.handle, g.serve = g.steps(), g.stepsOfServe()
	return g
}

// steps returns the way of a request, the last step first.
func (g *Gateway) steps() handler {
	h := g.passed      // passes it to the container, and the answer back
	h = g.explained(h) // finds out why a container did not answer
	h = g.routed(h)    // finds the session that it is for
	h = g.admitted(h)  // refuses it if the process is about to end
	h = g.targeted(h)  // refuses it if it is for no page of ours
	h = g.answered(h)  // tells the client why it was refused
	return g.watched(h)
}

// stepsOfServe returns the way of a request whose session somebody else has found.
func (g *Gateway) stepsOfServe() handler {
	h := g.passed
	h = g.explained(h)
	h = g.opened(h) // finds the session that its token opens
	h = g.admitted(h)
	h = returned(h) // leaves it to the caller to say why it was refused
	return g.watched(h)
}

// watched is what comes before the steps of any request.
func (g *Gateway) watched(h handler) handler {
	h = guarded(h) // cuts it if nothing moves
	return g.measured(g.logged(h))
}

// ServeHTTP implements [http.Handler]. An answer that was cut aborts the client's
// connection, so that it does not look complete.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := g.handle(newExchange(w, r, g.StallTimeout)); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// Run writes down which sessions are used, learns of those that other processes
// start and stop, and freezes those that nobody uses, until ctx is done. Then it
// writes down the last use.
func (g *Gateway) Run(ctx context.Context) error {
	var loops sync.WaitGroup
	loops.Go(func() { g.keepReloading(ctx) })
	loops.Go(func() { g.keepTrimming(ctx) })
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
	_ = g.work.Drain(ctx) // requests that are late end with the server
	g.flushAll(ctx)
}

// Close ends the gateway's tasks, and the connections that no request uses. It must
// be called last.
func (g *Gateway) Close() {
	g.abort()
	_ = g.tasks.Drain(context.Background()) // they end with g.alive
	for _, r := range g.routes.all() {
		r.transport.CloseIdleConnections()
	}
}
