package gateway

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/session"
)

const (
	touchTimeout     = 3 * time.Second // of what a request waits for
	lastFlushTimeout = 3 * time.Second
	ticks            = 15 // how often an interval is looked for what is due
)

// An activity is what is known of the use of one session. Whoever writes it down,
// or freezes the session, holds the turn meanwhile.
type activity struct {
	lock chan struct{} // has a value while nobody has it

	mu          sync.Mutex
	lastUse     time.Time
	lastFlush   time.Time // zero: not yet
	lastFailure time.Time // in vain, since it was written
	frozen      bool      // the next use has to wake it
}

func newActivity() *activity {
	a := &activity{lock: make(chan struct{}, 1)}
	a.release()
	return a
}

// acquire waits for the turn. False: ctx ended before.
func (a *activity) acquire(ctx context.Context) bool {
	select {
	case <-a.lock:
		return true
	case <-ctx.Done():
		return false
	}
}

// tryAcquire takes the turn if nobody has it.
func (a *activity) tryAcquire() bool {
	select {
	case <-a.lock:
		return true
	default:
		return false
	}
}

func (a *activity) release() { a.lock <- struct{}{} }

func (a *activity) touch(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lastUse = now
}

// due returns when the next use may be written down.
func (a *activity) due(interval time.Duration) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.frozen {
		return time.Time{}
	}
	due := a.lastFlush.Add(interval)
	if again := a.lastFailure.Add(interval / 3); again.After(due) {
		due = again
	}
	return due
}

// unflushed reports whether there was use since it was written down. A moment
// later is the same use, else each page would be written down twice.
func (a *activity) unflushed(moment time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lastUse.Sub(a.lastFlush) > moment
}

// flushed notes how an attempt ended that began at a time.
func (a *activity) flushed(began time.Time, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.lastFailure = time.Now()
		return
	}
	a.lastFlush, a.lastFailure, a.frozen = began, time.Time{}, false
}

// freeze makes the next request write down its use, whenever that is.
func (a *activity) freeze() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.frozen = true
}

// touch counts a request as use of its session. Mostly it is enough to remember
// that; after an interval in which nothing was written down the request waits
// until that is done, learns whether its session still runs, and finds its
// container awake. If the database cannot be asked the request goes on.
func (g *Gateway) touch(ctx context.Context, r *route) error {
	a := r.activity
	if time.Now().Before(a.due(g.Interval)) {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, touchTimeout)
	defer cancel()
	if !a.acquire(waiting) {
		return ctx.Err() // nil if it is only the one who has the turn that takes long
	}
	defer a.release()
	began := time.Now()
	if began.Before(a.due(g.Interval)) {
		return nil // another request did it
	}
	_, err := g.Sessions.TouchByID(waiting, r.session.ID)
	if errors.Is(err, session.ErrNotFound) {
		g.routes.remove(r.session.ID)
		r.transport.CloseIdleConnections()
		return errGone
	}
	a.flushed(began, err)
	if err != nil && ctx.Err() == nil {
		g.Log.WarnContext(ctx, "use is not written down, the request goes on", "session", r.session.ID, "err", err)
	}
	return ctx.Err()
}

// keepFlushing writes use down when it is due. That is at the same time after the
// last writing for all routes, used or not, so that no use waits longer.
func (g *Gateway) keepFlushing(ctx context.Context) {
	for ctx.Err() == nil {
		next := time.Now().Add(g.Interval / ticks)
		for _, r := range g.routes.all() {
			if due := r.activity.due(g.Interval); due.After(time.Now()) && due.Before(next) {
				next = due
			}
		}
		_ = clock.Sleep(ctx, time.Until(next))
		g.flush(ctx, func(r *route) bool { return !time.Now().Before(r.activity.due(g.Interval)) })
	}
}

// flushAll writes down all use that is not written yet.
func (g *Gateway) flushAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlushTimeout)
	defer cancel()
	g.flush(ctx, func(*route) bool { return true })
}

// flush writes down the use of those routes that it is time for.
func (g *Gateway) flush(ctx context.Context, isDue func(*route) bool) {
	var ids []int64
	var routes []*route
	began := time.Now()
	for _, r := range g.routes.all() {
		if r.work.Busy() {
			r.activity.touch(began)
		}
		// Whoever has the turn writes it down himself.
		if !r.activity.unflushed(g.Interval/ticks) || !isDue(r) || !r.activity.tryAcquire() {
			continue
		}
		defer r.activity.release()
		ids, routes = append(ids, r.session.ID), append(routes, r)
	}
	for list := range slices.Chunk(ids, 500) {
		writing, cancel := context.WithTimeout(ctx, refreshTimeout)
		_, err := g.Store.TouchAll(writing, list)
		cancel()
		for _, r := range routes[:len(list)] {
			r.activity.flushed(began, err)
		}
		routes = routes[len(list):]
		if err != nil && ctx.Err() == nil {
			g.Log.WarnContext(ctx, "use is not written down yet", "sessions", len(list), "err", err)
		}
	}
}
