package gateway

import (
	"errors"
	"net/http"
	"net/url"
	"time"
)

// An exchange is one request and its answer.
type exchange struct {
	*response
	in      *http.Request
	started time.Time
	body    *requestBody // nil: none, or not passed on
	route   *route       // nil: not known
	target  *url.URL     // what the container is asked for, without a host

	oldCookie bool // the token is in it

	served  *served // nil: the gateway looks itself who asks
	err     error   // why the client was refused, or its answer cut
	id      string  // the request id that a refused client was told
	refused bool    // it is for the caller of Serve to say why
}

// A handler carries an exchange out, or returns why it did not. Handlers wrap one
// another, see [Gateway.steps].
type handler func(*exchange) error

func newExchange(w http.ResponseWriter, r *http.Request, stall time.Duration) *exchange {
	return &exchange{in: r, started: time.Now(), response: &response{ResponseWriter: w, guard: newStallGuard(w, stall)}}
}

// clientLeft reports whether nobody waits for the answer any more.
func (x *exchange) clientLeft() bool {
	return x.in.Context().Err() != nil || x.body != nil && x.body.failed()
}

// outcome is what became of the exchange, as the log has it.
func (x *exchange) outcome() (status int, err error) {
	switch {
	case errors.Is(x.err, errClientLeft):
		return statusClientLeft, nil
	case x.writeErr != nil:
		return statusClientLeft, x.writeErr
	case x.refused:
		return answerTo(x.err).code, x.err
	case x.err != nil && x.id == "":
		return http.StatusBadGateway, x.err // it was cut, whatever its answer began with
	}
	return x.status, x.err
}

// A response writes an answer, and remembers how that went.
type response struct {
	http.ResponseWriter
	guard    *stallGuard
	begins   func()    // is called before the answer is written; nil: nobody wants to know
	status   int       // 0: nothing is written yet
	answered time.Time // when it was written
	bytes    int64
	writeErr error
}

// begun reports whether the client has been told a status.
func (r *response) begun() bool { return r.status != 0 }

// WriteHeader implements [http.ResponseWriter].
func (r *response) WriteHeader(code int) {
	if r.status == 0 {
		r.status, r.answered = code, time.Now()
		if r.begins != nil {
			r.begins()
		}
	}
	r.ResponseWriter.WriteHeader(code)
}

// Write implements [http.ResponseWriter].
func (r *response) Write(b []byte) (int, error) {
	r.guard.moved()
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	if err != nil {
		r.writeErr = err
	}
	return n, err
}

// FlushError sends what was written. The proxy calls it before anything was, too,
// and never at the same time as Write.
func (r *response) FlushError() error {
	err := r.guard.client.Flush()
	if err != nil {
		r.writeErr = err
	}
	return err
}

// Unwrap is for [http.ResponseController].
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }
