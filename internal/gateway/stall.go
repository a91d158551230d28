package gateway

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// restOfBody is how long a client may take to send what is left of a body that
// nobody waits for any more.
const restOfBody = time.Second

// guarded ends an exchange whose client neither sends nor takes anything for too
// long. What is left of a body that was not read to its end has a moment to come
// after the answer; after that the connection ends.
func guarded(next handler) handler {
	return func(x *exchange) error {
		defer func() {
			if x.body != nil {
				x.body.end()
			}
		}()
		return next(x)
	}
}

// A stallGuard keeps the read deadline of a client's connection ahead of an exchange
// whose bytes move, and cancels the request to the container when they do not. That
// writes to the client move is for the connection to see.
type stallGuard struct {
	timeout time.Duration
	client  *http.ResponseController // the connection
	started time.Time

	// In nanoseconds after started. What is called for each piece of a body does
	// nothing most of the time.
	lastMove atomic.Int64

	timer *time.Timer // cancels the request to the container; nil: it is asked nothing
}

func newStallGuard(w http.ResponseWriter, timeout time.Duration) *stallGuard {
	return &stallGuard{timeout: timeout, client: http.NewResponseController(w), started: time.Now()}
}

// watch calls cancel when nothing moves for too long, until stop is called.
func (s *stallGuard) watch(cancel func()) (stop func() bool) {
	s.timer = time.AfterFunc(s.timeout, cancel)
	return s.timer.Stop
}

// moved says that bytes move, in whichever direction.
func (s *stallGuard) moved() {
	now := int64(time.Since(s.started))
	if s.timer == nil || now-s.lastMove.Load() < int64(s.timeout/60) {
		return
	}
	s.lastMove.Store(now)
	s.timer.Reset(s.timeout)
}

// Its error is ignored: only a ResponseWriter without a connection cannot set deadlines.
func (s *stallGuard) setReadDeadline(t time.Time) { _ = s.client.SetReadDeadline(t) }

// limitRest gives the client a moment for what is left of its body: the server
// reads it before it answers, or takes another request.
func (s *stallGuard) limitRest() { s.setReadDeadline(time.Now().Add(restOfBody)) }

// A requestBody is the body of a request, which is read while the answer is
// written. The connection has a deadline only while it is read: one that passes
// later would look as if the client had left.
type requestBody struct {
	io.ReadCloser
	guard *stallGuard
	bytes atomic.Int64 // that were read

	mu    sync.Mutex
	err   error // of reading; io.EOF at the end
	ended bool  // the connection may already serve another request
}

// Read implements [io.Reader].
func (b *requestBody) Read(p []byte) (int, error) {
	b.guard.moved()
	b.setDeadline(time.Now().Add(b.guard.timeout))
	n, err := b.ReadCloser.Read(p)
	b.bytes.Add(int64(n))
	if err != nil {
		b.mu.Lock()
		b.err = err
		b.mu.Unlock()
		b.setDeadline(time.Time{})
	}
	return n, err
}

func (b *requestBody) setDeadline(t time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended {
		b.guard.setReadDeadline(t)
	}
}

// end gives what was not read a moment to come, and takes no deadline after that.
func (b *requestBody) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	if b.err == nil {
		b.guard.limitRest()
	}
}

// failed reports whether the client broke off its body.
func (b *requestBody) failed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err != nil && !errors.Is(b.err, io.EOF)
}
