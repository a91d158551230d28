package hosts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

const (
	// workTime is how long an engine under load may take to start or remove a container, or
	// to end one that has not ended within its grace.
	workTime = 10 * time.Second

	noLimit = time.Duration(math.MaxInt64)
)

// judgeBusy returns err, of what was asked of the engine since begun with all the time of
// p. If no session was free in that time, that is the engine's silence, provided that it
// answered nobody else either: those who have the sessions would be done, or get on, if it
// worked.
func (h *host) judgeBusy(p *Patience, begun time.Time, err error) error {
	if !errors.Is(err, ErrBusy) || p.Left() > 0 {
		return err
	}
	if h.engine.answeredSince(begun) || h.engine.slow.count() >= h.sessionLimit() {
		return err
	}
	return fmt.Errorf("%w: what it was asked keeps all SSH sessions that the host's sshd allows (its MaxSessions)", errSilent)
}

// sessionLimit returns how many sessions sshd allows, as far as is known; 0 if the engine
// is not reached by them.
func (h *host) sessionLimit() int {
	conn := h.link()
	if conn == nil || conn.way != byCommand {
		return 0
	}
	return conn.stdio.allowed()
}

type mayLastKey struct{}

// mayLast returns a context for a request that keeps its connection for d though the
// engine works.
func mayLast(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, mayLastKey{}, d)
}

// slowRequests are those under way that keep a connection though the engine works. The
// zero value is ready to use.
type slowRequests struct {
	mu    sync.Mutex
	until map[*http.Request]time.Time
}

// follow returns a request that counts from when it has a connection until over is
// called, if it is made with [mayLast].
func (s *slowRequests) follow(r *http.Request) (followed *http.Request, over func()) {
	d, slow := r.Context().Value(mayLastKey{}).(time.Duration)
	if !slow {
		return r, func() {}
	}
	begin := func(httptrace.GotConnInfo) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.until == nil {
			s.until = make(map[*http.Request]time.Time)
		}
		s.until[r] = time.Now().Add(d)
	}
	over = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.until, r)
	}
	return r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: begin})), over
}

// count returns how many there are that may last longer still.
func (s *slowRequests) count() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, until := range s.until {
		if time.Now().Before(until) {
			n++
		}
	}
	return n
}

// An answerBody notes what comes of an answer: of a stream that is a sign of life too.
type answerBody struct {
	io.ReadCloser
	engine *engine
	over   func()
}

// Read implements [io.Reader].
func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.engine.hear()
	}
	return n, err
}

// Close implements [io.Closer].
func (b *answerBody) Close() error {
	defer b.over()
	return b.ReadCloser.Close()
}
