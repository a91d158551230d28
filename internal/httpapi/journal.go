package httpapi

import (
	"errors"
	"net/http"
	"strings"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/session"
)

// noteRefusal has the journal say why a request was refused, if that is not noted by
// whoever refused it: the sessions' manager does so of those that it is asked for. What
// anybody can send who has no token is not noted.
func (s *Server) noteRefusal(r *http.Request, a answer, err error) {
	if s.Journal == nil || !isNoted(r.Method, a, err) {
		return
	}
	client := ""
	if addr, err := s.Guard.Client(r); err == nil {
		client = session.Client{IP: addr.String(), UserAgent: strings.TrimSpace(r.UserAgent())}.LogValue().String()
	}
	s.Journal.Add(r.Context(), journal.Note{Client: client, What: journal.Refused{Why: err.Error(), Retry: a.retry}})
}

func isNoted(method string, a answer, err error) bool {
	for _, ours := range []error{errNoUserAgent, errBody, errTooLarge, errClosing, auth.ErrForwardedFor} {
		if errors.Is(err, ours) {
			return true
		}
	}
	// PUT, and POST in /v1, ask for sessions.
	return method != http.MethodPut && method != http.MethodPost && a.code == http.StatusServiceUnavailable
}
