package hosts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"wrpdistributor/internal/clock"
)

// refusedPause is between an attempt that sshd refused and the next.
const refusedPause = 10 * time.Millisecond

// freeingTime is how long sshd may take a session for one that has ended here already.
const freeingTime = 300 * time.Millisecond

// maxStdio keeps us below sshd's default MaxSessions of 10.
const maxStdio = 8

var (
	// errLateSession means that something was sent when most of its time was over, for
	// want of a session. That no answer came in the rest says nothing either.
	errLateSession = errors.New("an SSH session was free only shortly before the time was up (sshd's MaxSessions)")

	errNoSessions = errors.New("sshd allows no sessions (MaxSessions 0?)")
)

// The sessions of a connection run dial-stdio. There are as many as sshd lets us
// have: at which number it refuses one shows when it does. They are opened
// one at a time, so that the number is exact.
type sessions struct {
	log *slog.Logger

	mu      sync.Mutex
	limit   int           // as far as we know
	open    int           // until sshd has ended them too
	opening bool          // one of those is only asked for
	most    int           // that have been open at once
	fewer   time.Time     // since when sshd refuses one though there have been more; zero: it does not
	changed chan struct{} // closed when any of this changes

	single chan struct{} // closed when it turned out that there is only one
}

func newSessions(log *slog.Logger) *sessions {
	return &sessions{log: log, limit: maxStdio, changed: make(chan struct{}), single: make(chan struct{})}
}

// take waits for a place for a session, which is then to be asked for.
func (s *sessions) take(ctx context.Context, r *pendingRequest) error {
	for {
		changed := s.tryTake()
		if changed == nil {
			return nil
		}
		r.queued.Store(true)
		select {
		case <-changed:
		case <-r.over:
			return ErrBusy
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
		}
	}
}

// allowed returns how many there can be at once, as far as we know.
func (s *sessions) allowed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limit
}

// tryTake takes a place, or returns what is closed when there may be one.
func (s *sessions) tryTake() (changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opening || s.open >= s.limit {
		return s.changed
	}
	s.open++
	s.opening = true
	return nil
}

// opened notes that sshd gave us the session that was asked for.
func (s *sessions) opened() {
	s.change(func() { s.opening, s.most, s.fewer = false, max(s.most, s.open), time.Time{} })
}

// ended notes that a session has ended, on sshd's side too.
func (s *sessions) ended() { s.change(func() { s.open-- }) }

// failed notes that the session that was asked for did not come about.
func (s *sessions) failed() {
	s.change(func() {
		s.opening = false
		s.open--
	})
}

// refused notes that sshd does not give us one more session than there are. Where there
// have been more, that says nothing for a while: the place of one that ended a moment ago
// may not be free for sshd yet. It returns [errNoSessions] if there has never been any.
func (s *sessions) refused() error {
	s.failed()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.most == 0:
		return errNoSessions
	case s.open < s.most && s.fewer.IsZero():
		s.fewer = time.Now()
		return nil
	case s.open < s.most && time.Since(s.fewer) < freeingTime:
		return nil
	}
	limit := max(s.open, 1)
	if s.limit == limit {
		return nil
	}
	s.limit = limit
	s.log.Warn("sshd allows few sessions, what the host is asked waits for them (MaxSessions)", "limit", s.limit)
	if s.limit == 1 && !isClosed(s.single) {
		close(s.single)
	}
	return nil
}

func (s *sessions) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	close(s.changed)
	s.changed = make(chan struct{})
}

// openSession opens a session when there is a place for one; whoever gets it says when it has
// ended. Whether a place that has just come free is free for sshd too shows at the second try.
func (c *connection) openSession(ctx context.Context) (*channel, error) {
	r := requestOf(ctx)
	for {
		r.waits.Store(true)
		if err := c.stdio.take(ctx, r); err != nil {
			return nil, err
		}
		r.waits.Store(false)
		ch, err := c.openChannel("session", noPort, nil)
		if isRefused(err) {
			ch, err = c.openChannel("session", noPort, nil)
		}
		switch {
		case err == nil:
			c.stdio.opened()
			return ch, nil
		case !isRefused(err):
			c.stdio.failed()
			return nil, err
		}
		r.queued.Store(true)
		if none := c.stdio.refused(); none != nil {
			return nil, fmt.Errorf("%w: %w", none, err)
		}
		_ = clock.Sleep(ctx, refusedPause) // who waits for a place looks at ctx
	}
}

// isRefused reports whether err is sshd's no to a channel.
func isRefused(err error) bool {
	_, refused := errors.AsType[*ssh.OpenChannelError](err)
	return refused
}

// A pendingRequest is a request to an engine. The connection that it begins to make outlives
// it, and is told by this that nobody waits for it any more.
type pendingRequest struct {
	begun  time.Time
	over   chan struct{} // closed when it has been answered, or has failed
	waits  atomic.Bool   // for a session
	queued atomic.Bool   // it had to wait for one
	sent   atomic.Int64  // how long after its beginning, in nanoseconds; 0: not yet
}

// isLate reports whether the request was sent when most of its time was over, because it
// had to wait for a session.
func (p *pendingRequest) isLate() bool {
	return p.queued.Load() && time.Duration(p.sent.Load()) > time.Since(p.begun)/2
}

type requestKey struct{}

// requestOf returns the request for which a connection is made with ctx.
func requestOf(ctx context.Context) *pendingRequest {
	if r, ok := ctx.Value(requestKey{}).(*pendingRequest); ok {
		return r
	}
	return &pendingRequest{}
}

// A queue passes requests on. If one fails that got no connection for want of a
// session, its error is [ErrBusy]: it was never sent. If it got one late, its error is
// [errLateSession].
type queue struct{ *http.Transport }

// RoundTrip implements [http.RoundTripper].
func (q queue) RoundTrip(r *http.Request) (*http.Response, error) {
	p := &pendingRequest{begun: time.Now(), over: make(chan struct{})}
	defer close(p.over)
	ctx := context.WithValue(r.Context(), requestKey{}, p)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
		p.sent.CompareAndSwap(0, int64(max(time.Since(p.begun), 1)))
	}})
	overdue := ctx.Err() != nil
	resp, err := q.Transport.RoundTrip(r.WithContext(ctx))
	if err == nil || errors.Is(err, ErrBusy) {
		return resp, err
	}
	if why := p.wanted(ctx, overdue); why != nil {
		err = fmt.Errorf("%w: %w", why, err)
	}
	return resp, err
}

// wanted returns [ErrBusy] or [errLateSession] if the request, made with ctx, has failed
// for want of a session, or else nil. One that is overdue began when the time was up: the
// client library asks a second time then, and tells of that failure only.
func (p *pendingRequest) wanted(ctx context.Context, overdue bool) (why error) {
	sent, ended := p.sent.Load() > 0, ctx.Err() != nil
	switch {
	case sent && ended && p.isLate():
		why = errLateSession
	case !sent && (p.waits.Load() || ended && p.queued.Load()):
		why = ErrBusy
	}
	whole, _ := ctx.Value(patienceKey{}).(*Patience)
	if whole == nil {
		return why
	}
	if why != nil {
		whole.wanted.Store(&why)
	} else if before := whole.wanted.Load(); before != nil && overdue {
		why = *before
	}
	return why
}

// isCertain reports whether a request that failed with err leaves no doubt about
// what was done: the engine answered, or it was never sent.
func isCertain(err error) bool { return isDefinite(err) || errors.Is(err, ErrBusy) }

// outcome returns what is known of a request that was sent twice: if it was not even
// sent the second time, no more than before.
func outcome(first, second error) error {
	if errors.Is(second, ErrBusy) {
		return first
	}
	return second
}
