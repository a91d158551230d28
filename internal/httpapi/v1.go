package httpapi

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"wrpdistributor/docs"
	"wrpdistributor/internal/auth"
)

// An endpoint is a route of /v1, as docs/openapi.yaml describes it.
type endpoint struct {
	method, path string
	access       access // without roles: everybody
	serve        handler
}

// v1 returns the routes for clients. Those of operators are package operator's.
func (s *Server) v1() []endpoint {
	clients := access{roles: []auth.Role{auth.Client, auth.Backend}}
	all := access{roles: []auth.Role{auth.Client, auth.Backend, auth.Operator, auth.Metrics}}
	keep := clients
	keep.writes = true
	return []endpoint{
		{http.MethodPost, "/v1/sessions", clients, s.createSession},
		{http.MethodGet, "/v1/session", clients, s.showSession},
		{http.MethodHead, "/v1/session", keep, s.keepSession},
		{http.MethodDelete, "/v1/session", clients, s.endSession},
		{http.MethodGet, "/v1/info", all, s.info},
		{http.MethodGet, "/v1/openapi.yaml", access{}, describe},
	}
}

// mount adds routes to a router. Without a database all that want a token are told so.
func (s *Server) mount(r chi.Router, routes []endpoint) {
	byPath := make(map[string][]endpoint)
	for _, rt := range routes {
		if s.Sessions == nil && len(rt.access.roles) > 0 {
			rt.serve = func(http.ResponseWriter, *http.Request) error { return errNoDatabase }
		}
		byPath[rt.path] = append(byPath[rt.path], rt)
	}
	for path, list := range byPath {
		r.Handle(path, s.dispatch(list))
	}
}

// dispatch chooses among the routes of one path by method, after the token was checked.
func (s *Server) dispatch(list []endpoint) http.Handler {
	var methods []string
	byMethod := make(map[string]http.Handler)
	for _, rt := range list {
		byMethod[rt.method] = s.open(rt)
		methods = append(methods, rt.method)
		if rt.method == http.MethodGet && !slices.ContainsFunc(list, func(o endpoint) bool { return o.method == http.MethodHead }) {
			byMethod[http.MethodHead] = byMethod[rt.method]
			methods = append(methods, http.MethodHead)
		}
	}
	other := s.open(endpoint{access: list[0].access, serve: func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		return errMethod
	}})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, ok := byMethod[r.Method]
		if !ok {
			h = other
		}
		h.ServeHTTP(w, r)
	})
}

// open returns a route's handler, behind its check of who asks.
func (s *Server) open(rt endpoint) http.Handler {
	if len(rt.access.roles) == 0 {
		return s.handle(rt.serve)
	}
	return s.require(rt.access, s.handle(rt.serve))
}

// describe answers with the description of all of /v1.
func describe(w http.ResponseWriter, _ *http.Request) error {
	write(w, http.StatusOK, "application/yaml", docs.OpenAPI)
	return nil
}

// about is what whoever has a token may know of the service.
type about struct {
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Uptime  int       `json:"uptimeSeconds"`
	Role    auth.Role `json:"role"` // of who asks
	Serves  serves    `json:"serves"`
}

// serves is what can be asked for.
type serves struct {
	TLS     bool `json:"tls"`
	Gateway bool `json:"gateway"`
	Backend bool `json:"backend"` // there is a token for backends
	Admin   bool `json:"admin"`
	MaxAge  int  `json:"maxSessionAgeSeconds,omitempty"` // absent: sessions may be of any age
}

// info says what this service is.
func (s *Server) info(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, http.StatusOK, about{
		Version: s.Version,
		Started: s.since.UTC().Truncate(time.Second),
		Uptime:  int(time.Since(s.since) / time.Second),
		Role:    roleOf(r),
		Serves: serves{
			TLS: s.Sessions.ServesTLS(), Gateway: s.GatewayAddress != "", Backend: s.BackendToken != "", Admin: s.AdminToken != "",
			MaxAge: int(s.MaxSessionAge / time.Second),
		},
	})
}
