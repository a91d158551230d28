package httpapi

import (
	"log/slog"
	"net/http"
	"strings"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/redact"
	"wrpdistributor/internal/session"
)

// requireToken refuses requests without a token of clients, before anything else
// is looked at. Guessing is slowed down per address; a right token never is.
func (s *Server) requireToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := auth.Token(r)
		if s.role(r, token) == auth.Client {
			next.ServeHTTP(w, r)
			return
		}
		reason := "wrong token"
		if token == "" {
			reason = "no token"
		}
		code := s.Guard.Failed(w, r)
		s.Log.InfoContext(r.Context(), "authentication failed", "request", requestID(r), s.who(r), "method", redact.Method(r), "peer", r.RemoteAddr, "status", code, "reason", reason)
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(code)
	})
}

// operator reports whether an operator asks. Who sends a wrong token is told what
// clients are, but has failed; limited means that its address did so too often.
func (s *Server) operator(w http.ResponseWriter, r *http.Request) (operator, limited bool) {
	token := r.Header.Get("X-Admin-Token")
	switch {
	case token == "", s.AdminToken == "": // there is nothing to guess
		return false, false
	case auth.Equal(token, s.AdminToken):
		return true, false
	}
	code := s.Guard.Failed(w, r)
	limited = code == http.StatusTooManyRequests
	if !limited {
		code = http.StatusOK
	}
	s.Log.InfoContext(r.Context(), "operator authentication failed", "request", requestID(r), s.who(r), "method", redact.Method(r), "peer", r.RemoteAddr, "status", code, "reason", "wrong token")
	return false, limited
}

// who names the client of a request for the log, or its peer if it cannot be told who
// stands behind that.
func (s *Server) who(r *http.Request) slog.Attr {
	addr, err := s.Guard.Client(r)
	if err != nil {
		return slog.String("peer", r.RemoteAddr)
	}
	return slog.Any("client", session.Client{IP: addr.String(), UserAgent: strings.TrimSpace(r.UserAgent())})
}

// client returns who asks, by address and User-Agent.
func (s *Server) client(r *http.Request) (session.Client, error) {
	addr, err := s.Guard.Client(r)
	if err != nil {
		return session.Client{}, err
	}
	agent := strings.TrimSpace(r.UserAgent())
	if agent == "" {
		return session.Client{}, errNoUserAgent
	}
	return session.Client{IP: addr.String(), UserAgent: agent}, nil
}
