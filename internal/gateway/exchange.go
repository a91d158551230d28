package gateway

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const restOfBody = time.Second

// A exchange is one request on its way, and the writer of its answer. The reading
// of the request's body, which goes on at the same time, is its cargo.
type exchange struct {
	http.ResponseWriter
	g       *Gateway
	in      *http.Request
	client  *http.ResponseController // the connection
	started time.Time

	route *route // nil: not known
	began bool   // counted as work of the route

	watchdog *time.Timer   // does that if nothing moves; nil: nothing is asked
	calmed   atomic.Int64  // when it was told that bytes move, in nanoseconds after started
	extended time.Duration // when the client was given more time, after started
	body     *requestBody  // nil: no body

	status   int
	bytes    int64
	writeErr error
	err      error  // what the client was refused for
	id       string // under which it finds that in the log
}

func newExchange(g *Gateway, w http.ResponseWriter, r *http.Request) *exchange {
	f := &exchange{ResponseWriter: w, g: g, in: r, client: http.NewResponseController(w), started: time.Now()}
	f.extend()
	return f
}

func (f *exchange) took() time.Duration { return time.Since(f.started) }

// extend gives the client more time to take what is about to be written. A
// deadline that cannot be set belongs to a writer that has none.
func (f *exchange) extend() {
	now := f.took()
	if f.extended > 0 && f.lately(f.extended, now) {
		return
	}
	f.extended = now
	_ = f.client.SetWriteDeadline(time.Now().Add(f.g.StallTimeout))
}

// moved says that bytes move. It is called for each piece of a body, so it does
// nothing most of the time.
func (f *exchange) moved() {
	now := f.took()
	if f.lately(time.Duration(f.calmed.Load()), now) {
		return
	}
	f.calmed.Store(int64(now))
	if f.watchdog != nil {
		f.watchdog.Reset(f.g.StallTimeout)
	}
}

func (f *exchange) lately(then, now time.Duration) bool { return now-then < f.g.StallTimeout/60 }

// WriteHeader implements [http.ResponseWriter].
func (f *exchange) WriteHeader(code int) {
	if f.status == 0 && code >= http.StatusOK {
		f.status = code
	}
	f.ResponseWriter.WriteHeader(code)
}

// Write implements [http.ResponseWriter].
func (f *exchange) Write(b []byte) (int, error) {
	f.moved()
	f.extend()
	n, err := f.ResponseWriter.Write(b)
	f.bytes += int64(n)
	if err != nil {
		f.writeErr = err
	}
	return n, err
}

// FlushError sends what was written. The proxy calls it before anything was, too,
// and never at the same time as Write.
func (f *exchange) FlushError() error {
	f.extend()
	err := f.client.Flush()
	if err != nil {
		f.writeErr = err
	}
	return err
}

// Unwrap is for [http.ResponseController].
func (f *exchange) Unwrap() http.ResponseWriter { return f.ResponseWriter }

// begin begins the work for the route. False: it takes no more.
func (f *exchange) begin() bool {
	f.began = f.route.work.Begin()
	if f.began {
		f.route.activity.touch(time.Now())
	}
	return f.began
}

// end ends the work for the route. What the client may still be told, or the
// log, is no reason for the route to wait.
func (f *exchange) end() {
	if f.began {
		f.began = false
		f.route.activity.touch(time.Now())
		f.route.work.End()
	}
}

// close ends the request.
func (f *exchange) close() {
	if f.body != nil {
		f.body.end()
	}
	f.log()
}

// outcome is what became of the request, as the log has it.
func (f *exchange) outcome() (int, error) {
	switch {
	case errors.Is(f.err, errClientLeft):
		return statusClientLeft, nil
	case f.writeErr != nil:
		return statusClientLeft, f.writeErr
	}
	return f.status, f.err
}

// A requestBody is the body of a request. It has a deadline only while it is read: one
// that passes later would look as if the client had left.
type requestBody struct {
	io.ReadCloser
	exchange *exchange

	mu   sync.Mutex
	err  error // of reading; io.EOF at the end
	done bool  // nobody reads any more
}

// Read implements [io.Reader].
func (c *requestBody) Read(b []byte) (int, error) {
	c.exchange.moved()
	c.deadline(time.Now().Add(c.exchange.g.StallTimeout))
	n, err := c.ReadCloser.Read(b)
	if err != nil {
		c.mu.Lock()
		c.err = err
		c.mu.Unlock()
		c.deadline(time.Time{})
	}
	return n, err
}

// deadline sets that of the client's connection, unless that may already serve
// another request.
func (c *requestBody) deadline(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.done {
		_ = c.exchange.client.SetReadDeadline(t)
	}
}

// hurry gives the client a moment for what is left of its body: the server reads
// it before it answers, or takes another request.
func (f *exchange) hurry() { _ = f.client.SetReadDeadline(time.Now().Add(restOfBody)) }

// end ends the reading. What is left of the body has a moment to come, after
// that the connection ends.
func (c *requestBody) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = true
	if c.err == nil {
		c.exchange.hurry()
	}
}

// failed reports whether the client broke off its body.
func (c *requestBody) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil && !errors.Is(c.err, io.EOF)
}
