package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
)

var (
	errUnauthorized = errors.New("wrong or missing token")
	errForbidden    = errors.New("way to end the container")
	errMethod       = errors.New("method not supported")
	errGone         = errors.New("session is gone")
	errClosing      = errors.New("shutting down")
	errUnavailable  = errors.New("token cannot be looked up")
	errEnded        = errors.New("session ended meanwhile")
	errHostDown     = errors.New("host of the container is unreachable")
	errNoAnswer     = errors.New("container did not answer")
	errStalled      = errors.New("nothing moved for too long")
	errClientLeft   = errors.New("client left")
)

const (
	statusClientLeft = 499 // in the log only

	retrySoon  = 1 // seconds
	retryLater = 10
)

// An answer is what a client is told of an error.
type answer struct {
	err      error
	code     int
	sentence string
	retry    int // seconds; 0: not said
}

// answerTo maps errors to answers.
func answerTo(err error) answer {
	for _, a := range []answer{
		{errUnauthorized, http.StatusUnauthorized, "This is the way to a session, and its token is wrong or missing. A plain browser enters at /s/TOKEN/ and has to take cookies.", 0},
		{errForbidden, http.StatusForbidden, "A session is ended where it was started, not here.", 0},
		{errMethod, http.StatusMethodNotAllowed, "This method is not supported here.", 0},
		{errGone, http.StatusGone, "Your session has ended, ask for a new one.", 0},
		{errClosing, http.StatusServiceUnavailable, "The service is shutting down, try again.", retrySoon},
		{errUnavailable, http.StatusServiceUnavailable, "Your session cannot be looked up at the moment, try again.", retrySoon},
		{errEnded, http.StatusBadGateway, "Your session has just ended, ask for a new one.", 0},
		{errHostDown, http.StatusBadGateway, "Your session cannot be reached at the moment, try again later.", retryLater},
		{errStalled, http.StatusGatewayTimeout, "Your session does not answer, try again or ask for a new one.", retrySoon},
	} {
		if errors.Is(err, a.err) {
			return a
		}
	}
	return answer{errNoAnswer, http.StatusBadGateway, "Your session did not answer, try again.", retrySoon}
}

// fail answers with what a client may know of err, and logs the rest. A client
// that left is told nothing.
func (f *exchange) fail(err error) {
	if f.in.Context().Err() != nil || errors.Is(err, errClientLeft) {
		f.err = errClientLeft
		panic(http.ErrAbortHandler)
	}
	a := answerTo(err)
	if a.code == http.StatusUnauthorized {
		a.code = f.g.Guard.Failed(f, f.in)
	}
	if a.retry > 0 {
		f.Header().Set("Retry-After", strconv.Itoa(a.retry))
	}
	f.err, f.id = err, rand.Text()[:10]
	f.Header().Set("X-Request-Id", f.id)
	f.page(a.code, fmt.Sprintf("<h1>%s</h1><p>%s</p><p>Request %s</p>", http.StatusText(a.code), a.sentence, f.id))
}

// log writes the access line. It has neither path nor headers, in which there
// are tokens and what people read.
func (f *exchange) log() {
	code, err := f.outcome()
	level := slog.LevelDebug
	if code >= statusClientLeft || errors.Is(err, errUnauthorized) {
		level = slog.LevelInfo
	}
	ctx := context.WithoutCancel(f.in.Context())
	if !f.g.Log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.String("method", f.in.Method), slog.Int("status", code), slog.Int64("bytes", f.bytes), slog.Duration("took", f.took())}
	if f.route != nil {
		attrs = append(attrs, slog.Int64("session", f.route.session.ID))
	} else {
		attrs = append(attrs, slog.String("peer", f.in.RemoteAddr))
	}
	if f.id != "" {
		attrs = append(attrs, slog.String("request", f.id))
	}
	if err != nil {
		attrs = append(attrs, slog.Any("err", err))
	}
	f.g.Log.LogAttrs(ctx, level, "gateway request", attrs...)
}
