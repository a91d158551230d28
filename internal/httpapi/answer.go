package httpapi

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/redact"
	"wrpdistributor/internal/session"
	"wrpdistributor/internal/target"
)

var (
	errNoSuchPage  = errors.New("there is nothing here")
	errMethod      = errors.New("this method is not supported")
	errClosing     = errors.New("the service is shutting down")
	errNoDatabase  = errors.New("the database does not answer yet")
	errNoWrites    = errors.New("the database takes no writes")
	errNoUserAgent = errors.New("the User-Agent header is missing or blank")
	errTooLarge    = errors.New("the request body is larger than 64 KiB")
	errBody        = errors.New("the request body is neither a form nor JSON that can be read")
)

const (
	notStarted = "Docker container for this session could not be started!"
	notStopped = "Docker container for this session could not be stopped!"

	retrySoon  = 1 // seconds
	retryLater = 30
)

// An answer is what a client is told of an error.
type answer struct {
	code     int
	title    string
	sentence string
	retry    int // seconds; 0: not said
}

// answerTo maps errors to answers; what the client is not to blame for is
// unavailable for now.
func answerTo(err error, method string) answer {
	if e, ok := errors.AsType[*refusal](err); ok {
		return answer{e.code, http.StatusText(e.code), e.detail, 0}
	}
	for _, known := range []struct {
		err  error
		code int
	}{
		{target.Err, http.StatusBadRequest},
		{errNoSuchPage, http.StatusNotFound},
		{errMethod, http.StatusMethodNotAllowed},
		{errNoUserAgent, http.StatusBadRequest},
		{auth.ErrForwardedFor, http.StatusBadRequest},
		{errBody, http.StatusBadRequest},
		{errTooLarge, http.StatusRequestEntityTooLarge},
	} {
		if errors.Is(err, known.err) {
			return answer{known.code, http.StatusText(known.code), sentence(known.err), 0}
		}
	}
	a := unavailable(err, method)
	a.code, a.title = http.StatusServiceUnavailable, http.StatusText(http.StatusServiceUnavailable)
	switch method {
	case http.MethodPut:
		a.title = notStarted
	case http.MethodDelete:
		a.title = notStopped
	}
	return a
}

// unavailable says why there is no service at the moment, and when to try again.
func unavailable(err error, method string) answer {
	_, full := errors.AsType[*session.FullError](err)
	notReady, isNotReady := errors.AsType[*session.NotReadyError](err)
	paused, isPaused := errors.AsType[*session.PausedError](err)
	switch {
	case isNotReady:
		return answer{sentence: sentence(notReady), retry: retrySoon}
	case errors.Is(err, errNoWrites):
		return answer{sentence: sentence(errNoWrites), retry: retrySoon}
	case errors.Is(err, errNoDatabase):
		return answer{sentence: sentence(errNoDatabase), retry: retryLater}
	case isPaused:
		return answer{sentence: paused.Reason, retry: retryLater}
	case full:
		return answer{sentence: "Could not find an available containerHost, try again later or adjust distributor configuration.", retry: retryLater}
	case errors.Is(err, session.ErrNoTLS):
		return answer{sentence: "No containerHost has a TLS certificate, ask again without ssl."}
	case errors.Is(err, session.ErrNoGateway):
		return answer{sentence: "The way to its session is not known at the moment, try again later.", retry: retryLater}
	case errors.Is(err, session.ErrStopped):
		return answer{sentence: "It was stopped while it started.", retry: retrySoon}
	case errors.Is(err, errClosing):
		return answer{sentence: sentence(err), retry: retrySoon}
	case method == http.MethodDelete && (errors.Is(err, hosts.ErrUnreachable) || errors.Is(err, hosts.ErrUnknownHost)):
		return answer{sentence: "It will be stopped as soon as its host can be reached again."}
	}
	return answer{sentence: "The service cannot answer at the moment, try again later.", retry: retryLater}
}

// sentence makes one of an error's text.
func sentence(err error) string {
	text := err.Error()
	return string(text[0]-'a'+'A') + text[1:] + "."
}

// fail answers with what a client may know of err, and logs the rest.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	a := answerTo(err, r.Method)
	level := s.Log.InfoContext
	_, isPaused := errors.AsType[*session.PausedError](err)
	if a.code >= http.StatusInternalServerError && !errors.Is(err, errClosing) && !isPaused {
		level = s.Log.WarnContext
	}
	level(r.Context(), "request refused", "request", requestID(r), s.who(r), "method", redact.Method(r), "route", route(r), "status", a.code, "err", err)
	s.noteRefusal(r, a, err)
	s.refuse(w, r, err)
}

// refuse answers with what a client may know of err.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	a := answerTo(err, r.Method)
	if a.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(a.retry))
	}
	if isV1(r) && !errors.Is(err, errNoSuchPage) {
		writeProblem(w, r, a, err)
		return
	}
	page := fmt.Sprintf("<h1>%s</h1><p>%s</p><p>Request %s</p>", html.EscapeString(a.title), html.EscapeString(a.sentence), requestID(r))
	write(w, a.code, "text/html;charset=UTF-8", page)
}

// route returns the pattern that a request's path fits; empty: none. The path itself
// may be anything, a token too, and stays out of the log.
func route(r *http.Request) string {
	if c := chi.RouteContext(r.Context()); c != nil {
		return c.RoutePattern()
	}
	return ""
}

func writeText(w http.ResponseWriter, code int, body string) {
	write(w, code, "text/plain;charset=UTF-8", body)
}

// write answers with a known length, which HTTP/1.0 clients need.
func write(w http.ResponseWriter, code int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write([]byte(body)) // a client that left is not waiting for it
}

type requestIDKey struct{}

// withRequestID gives a request the id under which the log has what the client is
// not told.
func withRequestID(w http.ResponseWriter, r *http.Request) *http.Request {
	id := journal.NewRequest()
	w.Header().Set("X-Request-Id", id)
	return r.WithContext(journal.WithRequest(context.WithValue(r.Context(), requestIDKey{}, id), id))
}

func requestID(r *http.Request) string {
	id, _ := r.Context().Value(requestIDKey{}).(string)
	return id
}
