// Package redact keeps out of the log what others sent: errors of net/http quote the
// answers of servers, and what a container answers is what somebody reads.
package redact

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
)

// ErrMalformed stands for all that can be wrong with an answer in itself.
var ErrMalformed = errors.New("malformed answer")

// errIdle is how a [http.Transport] says that the server closed a kept connection.
const errIdle = "http: server closed idle connection"

// A dialError is of the connection, not of what came over it.
type dialError struct{ error }

// Unwrap is for [errors.Is].
func (e dialError) Unwrap() error { return e.error }

// Dialer makes the dialer of an [http.Transport] from one of ours, whose errors
// [Answer] leaves as they are.
func Dialer(dial func(context.Context) (net.Conn, error)) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		nc, err := dial(ctx)
		if err != nil {
			return nil, dialError{err}
		}
		return nc, nil
	}
}

// Answer returns an error of an exchange without what the server sent: what is known
// to quote nothing stays, the rest is [ErrMalformed]. Done twice it changes nothing.
func Answer(err error) error {
	if err == nil {
		return nil
	}
	if failed, ok := errors.AsType[dialError](err); ok {
		return failed
	}
	if failed, ok := errors.AsType[*net.OpError](err); ok {
		return failed // of the system, or a TLS alert
	}
	for _, known := range []error{
		context.Canceled, context.DeadlineExceeded, io.ErrUnexpectedEOF, io.EOF, io.ErrClosedPipe, net.ErrClosed,
		http.ErrAbortHandler, http.ErrSchemeMismatch,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	if err.Error() == errIdle {
		return err
	}
	return ErrMalformed
}

// Method returns a request's method if it is one of HTTP's. Others are whatever a
// client wrote first.
func Method(r *http.Request) string {
	if slices.Contains([]string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace,
	}, r.Method) {
		return r.Method
	}
	return "other"
}
