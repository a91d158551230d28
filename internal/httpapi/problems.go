package httpapi

import (
	"errors"
	"net/http"
	"strings"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/session"
	"wrpdistributor/internal/target"
)

// A refusal is an error of a request to /v1 alone, which names its problem.
type refusal struct {
	code         int
	name, detail string // for programs, for people
}

// Error is the sentence for people.
func (e *refusal) Error() string { return e.detail }

var errBasicWrites = &refusal{http.StatusForbidden, "read-only", "Basic authentication is for reading only: send the token as Authorization: Bearer."}

// isV1 reports whether a request's answers are JSON, problems too.
func isV1(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/v1/") }

// writeProblem answers as a would, in JSON.
func writeProblem(w http.ResponseWriter, r *http.Request, a answer, err error) {
	name, detail := problemOf(err, r.Method)
	if detail == "" {
		detail = a.sentence
	}
	operator.WriteProblem(w, a.code, name, detail)
}

// problemOf returns the name of what is wrong, and what people are told if it is not
// what [answer] says.
func problemOf(err error, method string) (name, detail string) {
	if e, ok := errors.AsType[*refusal](err); ok {
		return e.name, e.detail
	}
	if _, full := errors.AsType[*session.FullError](err); full {
		return "full", "All container hosts are full or out of order, try again later."
	}
	if _, paused := errors.AsType[*session.PausedError](err); paused {
		return "paused", "" // in the operator's words
	}
	for _, known := range []struct {
		err          error
		name, detail string
	}{
		{target.Err, "bad-target", ""},
		{errMethod, "method-not-allowed", ""},
		{errNoUserAgent, "no-user-agent", ""},
		{auth.ErrForwardedFor, "bad-forwarded-for", ""},
		{errTooLarge, "too-large", ""},
		{errBody, "bad-body", "The request body could not be read."},
		{errClosing, "shutting-down", ""},
		{session.ErrNoTLS, "no-tls", "TLS is not served here, ask again without it."},
		{session.ErrNoGateway, "no-gateway", "The way to the session is not known at the moment, try again later."},
		{session.ErrStopped, "stopped", "The session was stopped while it started."},
	} {
		if errors.Is(err, known.err) {
			return known.name, known.detail
		}
	}
	if method == http.MethodDelete && (errors.Is(err, hosts.ErrUnreachable) || errors.Is(err, hosts.ErrUnknownHost)) {
		return "host-unreachable", ""
	}
	return "unavailable", ""
}
