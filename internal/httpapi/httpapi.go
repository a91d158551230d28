// Package httpapi serves the distributor's HTTP interface: the protocol of the
// PHP program on "/", which closed clients speak; /v1, which answers in JSON; and two
// health checks.
//
// A handler returns its error; [Server.fail] is the one place that turns an error
// into a status, a page and a log line. What a client is told never
// contains more than one plain sentence and the id under which the log has the
// rest.
package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/inflight"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/reminder"
	"wrpdistributor/internal/session"
	"wrpdistributor/internal/target"
)

// Config holds what the interface needs. All fields are required, but for the tokens
// other than AuthToken, Journal, Monitoring, MaxSessionAge and the gateway's.
type Config struct {
	Sessions  *session.Manager
	Pool      *hosts.Pool
	Writable  func() error // why the database takes no writes, without asking it; nil: it does
	Guard     *auth.Guard
	AuthToken string
	Operators http.Handler // answers them at [operator.Paths]; nil: nobody does
	Log       *slog.Logger
	Journal   *journal.Writer // is told of requests that are refused; nil: nobody is

	Monitoring    http.Handler // answers it at /metrics; nil: nobody does
	PreviousToken string       // does what AuthToken does; empty: there is none
	BackendToken  string       // is for sessions of users that its owner names; empty: there are none
	AdminToken    string       // shows operators what clients do not see; empty: nobody sees it
	MetricsToken  string       // opens /metrics, and tells what is served; empty: only operators see that

	// Dashboard draws the page at /dashboard, for operators or for all; nil: not yet.
	Dashboard       func(ctx context.Context, forAll bool) ([]byte, error)
	DashboardPublic bool // whoever comes sees it, with less on it

	Version       string        // of the program
	MaxSessionAge time.Duration // after which cleanup ends sessions; 0: never

	// What clients of gateway sessions are told, host:port; without a host it is
	// the one they reached us by.
	GatewayAddress, GatewayTLSAddress string
}

// A Server is the HTTP interface. It is safe for concurrent use.
type Server struct {
	Config
	routes  http.Handler
	work    inflight.Counter
	unready reminder.Trouble

	outdated  outdated
	since     time.Time             // it serves
	lastPages atomic.Pointer[pages] // nil: none yet
}

// New returns the server.
func New(cfg Config) *Server {
	s := &Server{Config: cfg, since: time.Now()}
	s.routes = s.router(s.ready, map[string]handler{
		http.MethodGet:    s.status,
		http.MethodHead:   s.touch,
		http.MethodPut:    s.start,
		http.MethodDelete: s.stop,
	})
	return s
}

// NewWaiting returns the server for as long as there is no database: who has the
// token is asked to try again. Of cfg it needs Guard, the tokens and Log.
func NewWaiting(cfg Config) *Server {
	s := &Server{Config: cfg}
	s.routes = s.router(func(http.ResponseWriter, *http.Request) error { return errNoDatabase }, map[string]handler{
		http.MethodGet:    s.wait,
		http.MethodHead:   s.wait,
		http.MethodPut:    s.wait,
		http.MethodDelete: s.wait,
	})
	return s
}

// router returns all routes. They are listed here.
func (s *Server) router(ready handler, byMethod map[string]handler) http.Handler {
	main := s.requireToken(s.methods(byMethod))
	r := chi.NewRouter()
	r.Use(anyMethod)
	r.Handle("/", main)
	r.Handle("/index.php", main)
	r.Handle("/healthz", s.check(s.healthy))
	r.Handle("/readyz", s.check(s.readiness(ready)))
	s.mount(r, s.v1())
	if metrics := s.monitoring(); metrics != nil {
		r.Handle("/metrics", metrics)
	}
	if s.AdminToken != "" && s.Operators != nil {
		for _, path := range operator.Paths() {
			r.Handle(path, s.requireOperator(s.Operators))
		}
	}
	if s.AdminToken != "" || s.DashboardPublic {
		s.mount(r, []endpoint{{http.MethodGet, "/dashboard", access{}, s.dashboard}})
	}
	r.NotFound(s.handle(func(http.ResponseWriter, *http.Request) error { return errNoSuchPage }))
	r.MethodNotAllowed(s.handle(func(http.ResponseWriter, *http.Request) error { return errMethod }))
	return r
}

// anyMethod has the router look at the path of a request whose method it does not know,
// as it does for those that it knows. It would refuse the method before anybody asks
// for the token.
func anyMethod(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
			http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		default:
			chi.RouteContext(r.Context()).RouteMethod = http.MethodTrace // nothing else has that one
		}
		next.ServeHTTP(w, r)
	})
}

// Drain makes every further request be answered 503, so that the process can
// end, and waits for those under way, or for ctx.
func (s *Server) Drain(ctx context.Context) { _ = s.work.Drain(ctx) }

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = withRequestID(w, r)
	if err := target.Check(r); err != nil {
		s.fail(w, r, err)
		return
	}
	if !s.work.Begin() {
		w.Header().Set("Connection", "close")
		s.fail(w, r, errClosing)
		return
	}
	defer s.work.End()
	s.routes.ServeHTTP(w, r)
}

// A handler answers a request, or returns why it cannot. In that case it must
// not have written anything.
type handler func(w http.ResponseWriter, r *http.Request) error

func (s *Server) handle(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

// readiness answers a check of readiness. Those come every few seconds, so that the log
// has what changes only, and a reminder.
func (s *Server) readiness(ready handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := ready(w, r)
		if err != nil {
			s.refuse(w, r, err)
		}
		switch {
		case err == nil && s.unready.Over():
			s.Log.InfoContext(r.Context(), "ready again")
		case err != nil && s.unready.Due(err):
			s.Log.WarnContext(r.Context(), "not ready", "err", err)
		}
		return nil
	}
}

// methods chooses the handler by method, after the token was checked: a client
// without a token does not learn which methods there are.
func (s *Server) methods(byMethod map[string]handler) http.Handler {
	return s.handle(func(w http.ResponseWriter, r *http.Request) error {
		h, ok := byMethod[r.Method]
		if !ok {
			w.Header().Set("Allow", "GET, HEAD, PUT, DELETE")
			return errMethod
		}
		return h(w, r)
	})
}

// wait refuses what is wrong whether or not there is a database, and else says that
// there is none.
func (s *Server) wait(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.client(r); err != nil {
		return err
	}
	if r.Method == http.MethodPut {
		if _, err := wantsTLS(w, r); err != nil {
			return err
		}
	}
	return errNoDatabase
}

// check answers whoever wants to know how the service is. Load balancers ask by GET,
// HEAD or OPTIONS, each as it likes.
func (s *Server) check(h handler) http.Handler {
	return s.handle(func(w http.ResponseWriter, r *http.Request) error {
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions:
			return h(w, r)
		}
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		return errMethod
	})
}

func (s *Server) healthy(w http.ResponseWriter, _ *http.Request) error {
	writeText(w, http.StatusOK, "ok\n")
	return nil
}

// ready tells whether a client could get a session, as far as is known, and if not
// why.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) error {
	if err := s.Writable(); err != nil {
		return fmt.Errorf("%w: %w", errNoWrites, err)
	}
	if err := s.Sessions.Ready(r.Context()); err != nil {
		return err
	}
	writeText(w, http.StatusOK, "ready\n")
	return nil
}
