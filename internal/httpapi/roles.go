package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/redact"
	"wrpdistributor/internal/reminder"
)

// An access says who may pass.
type access struct {
	roles  []auth.Role
	writes bool // though its method only reads
}

// isRead reports whether a request changes nothing. Only such a one may come with what a
// browser sends by itself, for pages from elsewhere as well.
func (a access) isRead(r *http.Request) bool {
	return !a.writes && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}

// String names who may pass, in words that end "this is for".
func (a access) String() string {
	names := make([]string, len(a.roles))
	for i, role := range a.roles {
		if names[i] = string(role) + "s"; role == auth.Metrics {
			names[i] = "monitoring"
		}
	}
	return strings.Join(names, ", ")
}

// requireOperator lets operators pass.
func (s *Server) requireOperator(next http.Handler) http.Handler {
	return s.require(access{roles: []auth.Role{auth.Operator}}, next)
}

// require lets some roles pass, which next finds by [roleOf]. Who shows no token has not
// failed, and is told that one is wanted.
func (s *Server) require(a access, next http.Handler) http.Handler {
	return s.handle(func(w http.ResponseWriter, r *http.Request) error {
		shown := auth.ReadCredentials(r)
		role := s.role(r, shown.Token)
		switch {
		case role == auth.Nobody:
			s.unauthorized(w, r, a, shown)
		case !slices.Contains(a.roles, role):
			return &refusal{http.StatusForbidden, "forbidden", fmt.Sprintf("This is for %s.", a)}
		case shown.Basic && !a.isRead(r):
			return errBasicWrites
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), roleKey{}, role)))
		}
		return nil
	})
}

// unauthorized asks for a token. A wrong one is logged and counted.
func (s *Server) unauthorized(w http.ResponseWriter, r *http.Request, a access, shown auth.Credentials) {
	e := &refusal{http.StatusUnauthorized, "unauthorized", fmt.Sprintf("This is for %s: send the token as Authorization: Bearer.", a)}
	if shown.Shown {
		event := "authentication failed"
		if slices.Equal(a.roles, []auth.Role{auth.Operator}) {
			event = "operator authentication failed"
		}
		if e.code = s.Guard.Failed(w, r); e.code == http.StatusTooManyRequests {
			e.name, e.detail = "too-many-failures", "Too many wrong tokens came from this address, try again later."
		}
		s.Log.InfoContext(r.Context(), event, "request", requestID(r), s.who(r), "method", redact.Method(r), "peer", r.RemoteAddr, "status", e.code, "reason", "wrong token")
	}
	if e.code == http.StatusUnauthorized {
		w.Header().Add("WWW-Authenticate", `Bearer realm="wrp-distributor"`)
		if a.isRead(r) {
			w.Header().Add("WWW-Authenticate", `Basic realm="wrp-distributor", charset="UTF-8"`)
		}
	}
	s.refuse(w, r, e)
}

type roleKey struct{}

// roleOf returns the role of who passed [Server.require].
func roleOf(r *http.Request) auth.Role {
	role, _ := r.Context().Value(roleKey{}).(auth.Role)
	return role
}

// role returns whose token that is. That clients still use the previous one is
// remembered.
func (s *Server) role(r *http.Request, token string) auth.Role {
	tokens := auth.Tokens{Client: s.AuthToken, PreviousClient: s.PreviousToken, Backend: s.BackendToken, Operator: s.AdminToken, Metrics: s.MetricsToken}
	role, previous := tokens.Role(token)
	if previous {
		s.noteOutdated(r)
	}
	return role
}

// outdated counts requests with the previous token.
type outdated struct {
	requests atomic.Int64 // since the log had them
	ever     atomic.Int64
	reminder reminder.Trouble
}

var errOutdated = errors.New("clients send AUTH_TOKEN_PREVIOUS")

// noteOutdated logs at once, and every hour, that the previous token cannot be taken away
// yet. Who looks closer finds every client that has it.
func (s *Server) noteOutdated(r *http.Request) {
	s.outdated.requests.Add(1)
	s.outdated.ever.Add(1)
	s.Log.DebugContext(r.Context(), "previous token used", "request", requestID(r), s.who(r))
	if s.outdated.reminder.Due(errOutdated) {
		s.Log.InfoContext(r.Context(), "previous token still used", "setting", "AUTH_TOKEN_PREVIOUS", "requests", s.outdated.requests.Swap(0), s.who(r))
	}
}
