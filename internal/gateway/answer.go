package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/target"
)

// What [Gateway.Serve] returns, among others.
var (
	ErrEnded       = errors.New("session has ended")
	ErrClosing     = errors.New("shutting down")
	ErrUnavailable = errors.New("token cannot be looked up")
	ErrUnreachable = errors.New("host of the container is unreachable")
	ErrNoAnswer    = errors.New("container did not answer")
)

var (
	errProxy          = errors.New("address of another host")
	errUnauthorized   = errors.New("wrong or missing token")
	errForbidden      = errors.New("path that shuts the container down")
	errOwnPath        = errors.New("address that shuts the container down")
	errWorker         = errors.New("script that would outlive the session in its browser")
	errMethod         = errors.New("method not supported")
	errUnconfirmed    = errors.New("container cannot be confirmed to run")
	errTooMany        = errors.New("too many requests of the session at once")
	errEndedMeanwhile = errors.New("session stopped meanwhile")
	errStalled        = errors.New("nothing moved for too long")
	errClientLeft     = errors.New("client left")
)

// An endedError is [ErrEnded] of a session that is known.
type endedError struct{ session int64 }

// Error implements error.
func (e *endedError) Error() string { return ErrEnded.Error() }

// Unwrap has it be ErrEnded.
func (e *endedError) Unwrap() error { return ErrEnded }

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

// answers returns what clients are told of each error; the last is for all others.
func answers() []answer {
	return []answer{
		{target.Err, http.StatusBadRequest, "The request does not name a page.", 0},
		{errProxy, http.StatusBadRequest, "This is the way to a session, and no proxy. Tell your browser to connect to it directly.", 0},
		{errUnauthorized, http.StatusUnauthorized, "This is the way to a session, and its token is wrong or missing. A plain browser enters at /s/TOKEN/ and has to take cookies.", 0},
		{errForbidden, http.StatusForbidden, "A session is ended where it was started, not here.", 0},
		{errOwnPath, http.StatusForbidden, "WRP would take this address for its own, and end your session. It can be opened on the page of your session.", 0},
		{errWorker, http.StatusForbidden, "What goes on after a session cannot be had here.", 0},
		{errMethod, http.StatusMethodNotAllowed, "This method is not supported here.", 0},
		{ErrEnded, http.StatusGone, "Your session has ended, ask for a new one.", 0},
		{ErrClosing, http.StatusServiceUnavailable, "The service is shutting down, try again.", retrySoon},
		{ErrUnavailable, http.StatusServiceUnavailable, "Your session cannot be looked up at the moment, try again.", retrySoon},
		{errUnconfirmed, http.StatusServiceUnavailable, "Your session cannot be looked up at the moment, try again.", retrySoon},
		{errTooMany, http.StatusServiceUnavailable, "Your session has too many requests at once, try again.", retrySoon},
		{errEndedMeanwhile, http.StatusBadGateway, "Your session has just ended, ask for a new one.", 0},
		{ErrUnreachable, http.StatusBadGateway, "Your session cannot be reached at the moment, try again later.", retryLater},
		{errStalled, http.StatusGatewayTimeout, "Your session does not answer, try again or ask for a new one.", retrySoon},
		{ErrNoAnswer, http.StatusBadGateway, "Your session did not answer, try again.", retrySoon},
	}
}

// answerTo maps errors to answers.
func answerTo(err error) answer {
	list := answers()
	for _, a := range list {
		if errors.Is(err, a.err) {
			return a
		}
	}
	return list[len(list)-1]
}

// Explain says what a client may be told of an error of [Gateway.Serve], and after how
// many seconds it is worth another try; 0: none.
func Explain(err error) (code int, sentence string, retry int) {
	a := answerTo(err)
	return a.code, a.sentence, a.retry
}

// answered tells the client why its request is refused. It returns the errors of
// which a client cannot be told: it left, or its answer has begun.
func (g *Gateway) answered(next handler) handler {
	return func(x *exchange) error {
		x.err = next(x)
		switch {
		case x.err == nil:
			return nil
		case x.begun():
			return x.err
		case x.clientLeft():
			x.err = errClientLeft
			return x.err
		}
		g.refuse(x)
		return nil
	}
}

// refuse answers with what a client may know of an error. The log has the rest
// under the request id.
func (g *Gateway) refuse(x *exchange) {
	a := answerTo(x.err)
	if a.code == http.StatusUnauthorized {
		a.code = g.Guard.Failed(x, x.in)
	}
	if a.retry > 0 {
		x.Header().Set("Retry-After", strconv.Itoa(a.retry))
	}
	x.id = journal.NewRequest()
	g.note(x, a.code)
	x.Header().Set("X-Request-Id", x.id)
	x.page(a.code, http.StatusText(a.code), fmt.Sprintf("<p>%s</p><p>Request %s</p>", a.sentence, x.id))
}

// note has the journal say why a request of a session was refused. Of what is nobody's only
// the log tells: who guesses tokens fills no table.
func (g *Gateway) note(x *exchange, code int) {
	n := journal.Note{What: journal.GatewayRefused{Why: x.err.Error(), Code: code}}
	ended, isEnded := errors.AsType[*endedError](x.err)
	switch {
	case x.route != nil:
		n.Session, n.Host, n.Client = x.route.session.ID, x.route.session.Host, x.route.session.ClientName()
	case isEnded:
		n.Session = ended.session
	default:
		return
	}
	g.Journal.Add(journal.WithRequest(context.WithoutCancel(x.in.Context()), x.id), n)
}

// Waiting answers for a gateway that cannot tell yet whose token it is.
func Waiting(w http.ResponseWriter, _ *http.Request) {
	a := answerTo(ErrUnavailable)
	w.Header().Set("Retry-After", strconv.Itoa(retryLater))
	writePage(w, a.code, http.StatusText(a.code), "<p>"+a.sentence+"</p>")
}

// page answers with a page of ours, and does not wait for what is left of the request.
func (x *exchange) page(code int, title, body string) {
	if x.body == nil && x.in.ContentLength != 0 {
		x.guard.limitRest()
	}
	writePage(x, code, title, body)
}

// pageFormat is what all pages of ours look like. It is HTML 2.0, and must be ASCII. Phones
// of today are told that it is narrow: else they show it too small to be read.
const pageFormat = `<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">
<html><head><title>%[1]s</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head><body>
<h1>%[1]s</h1>%[2]s
</body></html>
`

// writePage answers with a page of known length, which HTTP/1.0 clients need. The
// browsers that come here take a type with a charset for an unknown one.
func writePage(w http.ResponseWriter, code int, title, body string) {
	page := fmt.Sprintf(pageFormat, title, body)
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Content-Length", strconv.Itoa(len(page)))
	w.WriteHeader(code)
	_, _ = io.WriteString(w, page) // a client that left is not waiting for it
}
