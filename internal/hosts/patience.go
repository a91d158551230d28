package hosts

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	patienceSlice = 500 * time.Millisecond
	leastSlices   = 8 // a call is a channel, a question and an answer, and sshd may put its own answers first

	// maxStretch is how many times its time a patience may last at most. A link that is
	// always behind, with always some bytes more, is one of a host that plays with us: a line
	// of 256 kbit/s that four sessions keep full was behind for more than ten times.
	maxStretch = 60
)

// A Patience is a context that ends as one with a deadline does, but for which only
// that time counts in which the link was not behind: an answer that stands behind
// other sessions' pictures on a slow line is late through no fault of whoever
// answers. The time is counted in slices, each of which lasts until the link has
// answered a question put at its beginning. A link on which nothing moves is not
// behind, it is dead: that ends it too, and so does [maxStretch]. Nor does the time count
// in which the link is not made because other hosts have their turn.
type Patience struct {
	context.Context // whose end is an end of the patience as well

	link   func() *connection // now; nil: there is none
	queued func() bool        // for a login, behind those to other hosts
	watch  linkWatch
	left   atomic.Int64          // nanoseconds
	wanted atomic.Pointer[error] // why the time was spent in vain: waiting for a session
	done   chan struct{}
	once   sync.Once
	err    error // once done
}

type patienceKey struct{}

// newPatience returns a patience of the time d, and what ends it; of 0, one that
// only knows whether the link is behind.
func newPatience(ctx context.Context, d time.Duration, link func() *connection, queued func() bool) (*Patience, context.CancelFunc) {
	p := &Patience{Context: ctx, link: link, queued: queued, done: make(chan struct{})}
	p.left.Store(int64(d))
	if err := ctx.Err(); err != nil {
		p.end(err) // now, lest what has no time begins
	}
	go p.run(d)
	return p, func() { p.end(context.Canceled) }
}

// Done implements [context.Context].
func (p *Patience) Done() <-chan struct{} { return p.done }

// Err implements [context.Context].
func (p *Patience) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Value implements [context.Context].
func (p *Patience) Value(key any) any {
	if key == (patienceKey{}) {
		return p
	}
	return p.Context.Value(key)
}

// Left returns how much of the time is left.
func (p *Patience) Left() time.Duration { return time.Duration(p.left.Load()) }

func (p *Patience) end(err error) {
	p.once.Do(func() {
		p.err = err
		close(p.done)
	})
}

// run lets the time pass.
func (p *Patience) run(d time.Duration) {
	slice := patienceSlice
	if d > 0 {
		slice = min(slice, d/leastSlices)
	}
	tick := time.NewTicker(slice)
	defer tick.Stop()
	var passed, silent, all time.Duration
	for d == 0 || passed < d && silent < d && all < maxStretch*d {
		select {
		case <-p.Context.Done():
			p.end(p.Context.Err())
			return
		case <-p.done:
			return
		case <-tick.C:
		}
		if p.queued() {
			continue
		}
		all += slice
		free, moved := p.watch.look(p.link())
		if free {
			passed += slice
			p.left.Add(-int64(slice))
		}
		if silent += slice; moved {
			silent = 0
		}
	}
	p.watch.look(nil)
	p.end(context.DeadlineExceeded)
}

// A linkWatch asks the other side of a link one question after the other.
type linkWatch struct {
	mu       sync.Mutex
	conn     *connection
	answered <-chan struct{} // the latest question
	asked    progress        // when it was put
	seen     progress        // at the latest look
	inTime   int             // looks that found the question before answered
	late     int             // the others
}

// look looks at the link of now. It reports whether the latest question is answered,
// and if so puts the next; and whether bytes came since the last look.
func (w *linkWatch) look(conn *connection) (free, moved bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if conn == nil {
		w.conn = nil
		return true, false
	}
	now := conn.raw.progress()
	free = conn != w.conn || isClosed(w.answered)
	moved = conn != w.conn || now.since(w.seen)
	w.conn, w.seen = conn, now
	if free {
		w.answered, w.asked = conn.answered(), now
		w.inTime++
	} else {
		w.late++
	}
	return free, moved
}

// behind reports whether bytes came since the latest question was put, but not yet
// its answer.
func (w *linkWatch) behind() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.conn != nil && !isClosed(w.answered) && w.conn.raw.progress().since(w.asked)
}

// mostlyBehind reports whether most answers came late.
func (w *linkWatch) mostlyBehind() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.late > w.inTime
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// isBehind reports whether err, of what was done with ctx, is only the end of the
// time, and the link was behind then. That says nothing against the host.
func isBehind(ctx context.Context, err error) bool {
	p, ok := ctx.Value(patienceKey{}).(*Patience)
	return ok && errors.Is(err, context.DeadlineExceeded) && p.watch.behind()
}

// A slowLinkError is [ErrUnreachable] for once: an answer stood behind what else came
// over the link until the time for it was up.
type slowLinkError struct{ err error }

// Error implements error.
func (e *slowLinkError) Error() string {
	return fmt.Sprintf("the link to the host is slow, and full of other traffic: %v", e.err)
}

// Unwrap returns what was being done.
func (e *slowLinkError) Unwrap() error { return e.err }

// Is implements what [errors.Is] asks for.
func (e *slowLinkError) Is(target error) bool { return target == ErrUnreachable }

// wasMostlyBehind reports whether err, of what was done with ctx, is the end of the time,
// and the link was behind for most of it: whoever else got an answer meanwhile got it late.
func wasMostlyBehind(ctx context.Context, err error) bool {
	p, ok := ctx.Value(patienceKey{}).(*Patience)
	return ok && errors.Is(err, context.DeadlineExceeded) && p.watch.mostlyBehind()
}

// orSlowLink returns err, of what was done with ctx, as the link's fault if it is that.
func orSlowLink(ctx context.Context, err error) error {
	if _, known := errors.AsType[*slowLinkError](err); known || !isBehind(ctx, err) {
		return err
	}
	return &slowLinkError{err}
}

// unanswered returns [ErrUnreachable] with err, of what was done with ctx, as the reason,
// once: a connection that cannot be made says so itself.
func unanswered(ctx context.Context, err error) error {
	if err = orSlowLink(ctx, err); errors.Is(err, ErrUnreachable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// patience returns a context for what the host is asked, see [newPatience].
func (h *host) patience(ctx context.Context, d time.Duration) (*Patience, context.CancelFunc) {
	return newPatience(ctx, d, h.link, h.queued)
}

// queued reports whether a login to the host waits behind those to others.
func (h *host) queued() bool { return h.client != nil && h.client.queued.Load() > 0 }

// link returns the host's connection if there is one, else nil.
func (h *host) link() *connection {
	if h.client == nil {
		return nil
	}
	conn, _ := h.client.established()
	return conn
}

// Patience returns a context for the start of a container on a host, which lasts for d.
// Time in which the link to the host is behind is not counted.
func (p *Pool) Patience(ctx context.Context, host string, d time.Duration) (*Patience, context.CancelFunc) {
	h, err := p.find(host)
	if err != nil {
		return newPatience(ctx, d, func() *connection { return nil }, func() bool { return false })
	}
	return h.patience(ctx, d)
}
