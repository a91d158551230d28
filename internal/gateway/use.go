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
	useTimeout  = 3 * time.Second // of what a request waits for
	lastTimeout = 3 * time.Second
	ticks       = 15 // how often an interval is looked for what is due
)

// An activity is what is known of the use of one session. Whoever writes it down,
// or freezes the session, holds the turn meanwhile.
type activity struct {
	turn chan struct{} // has a value while nobody has it

	mu      sync.Mutex
	used    time.Time
	written time.Time // zero: not yet
	tried   time.Time // in vain, since it was written
	asleep  bool      // the next use has to wake it
}

func newActivity() *activity {
	a := &activity{turn: make(chan struct{}, 1)}
	a.give()
	return a
}

// take waits for the turn. False: ctx ended before.
func (a *activity) take(ctx context.Context) bool {
	select {
	case <-a.turn:
		return true
	case <-ctx.Done():
		return false
	}
}

// tryTake takes the turn if nobody has it.
func (a *activity) tryTake() bool {
	select {
	case <-a.turn:
		return true
	default:
		return false
	}
}

func (a *activity) give() { a.turn <- struct{}{} }

func (a *activity) note(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used = now
}

// due returns when the next use may be written down.
func (a *activity) due(interval time.Duration) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.asleep {
		return time.Time{}
	}
	due := a.written.Add(interval)
	if again := a.tried.Add(interval / 3); again.After(due) {
		due = again
	}
	return due
}

// unwritten reports whether there was use since it was written down. A moment
// later is the same use, else each page would be written down twice.
func (a *activity) unwritten(moment time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.used.Sub(a.written) > moment
}

// wrote notes how an attempt ended that began at a time.
func (a *activity) wrote(began time.Time, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.tried = time.Now()
		return
	}
	a.written, a.tried, a.asleep = began, time.Time{}, false
}

// sleep makes the next request write down its use, whenever that is.
func (a *activity) sleep() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asleep = true
}

// use counts a request as use of its session. Mostly it is enough to remember
// that; after an interval in which nothing was written down the request waits
// until that is done, learns whether its session still runs, and finds its
// container awake. If the database cannot be asked the request goes on.
func (g *Gateway) use(ctx context.Context, r *route) error {
	a := r.activity
	if time.Now().Before(a.due(g.Interval)) {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, useTimeout)
	defer cancel()
	if !a.take(waiting) {
		return ctx.Err() // nil if it is only the one who has the turn that takes long
	}
	defer a.give()
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
	a.wrote(began, err)
	if err != nil && ctx.Err() == nil {
		g.Log.WarnContext(ctx, "use is not written down, the request goes on", "session", r.session.ID, "err", err)
	}
	return ctx.Err()
}

// keepWriting writes use down when it is due. That is at the same time after the
// last writing for all routes, used or not, so that no use waits longer.
func (g *Gateway) keepWriting(ctx context.Context) {
	for ctx.Err() == nil {
		next := time.Now().Add(g.Interval / ticks)
		for _, r := range g.routes.all() {
			if due := r.activity.due(g.Interval); due.After(time.Now()) && due.Before(next) {
				next = due
			}
		}
		_ = clock.Sleep(ctx, time.Until(next))
		g.write(ctx, func(r *route) bool { return !time.Now().Before(r.activity.due(g.Interval)) })
	}
}

// writeLast writes down all use that is not written yet.
func (g *Gateway) writeLast(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTimeout)
	defer cancel()
	g.write(ctx, func(*route) bool { return true })
}

// write writes down the use of those routes that it is time for.
func (g *Gateway) write(ctx context.Context, isDue func(*route) bool) {
	var ids []int64
	var routes []*route
	began := time.Now()
	for _, r := range g.routes.all() {
		if r.work.Busy() {
			r.activity.note(began)
		}
		// Whoever has the turn writes it down himself.
		if !r.activity.unwritten(g.Interval/ticks) || !isDue(r) || !r.activity.tryTake() {
			continue
		}
		defer r.activity.give()
		ids, routes = append(ids, r.session.ID), append(routes, r)
	}
	for list := range slices.Chunk(ids, 500) {
		writing, cancel := context.WithTimeout(ctx, refreshTimeout)
		_, err := g.Store.TouchAll(writing, list)
		cancel()
		for _, r := range routes[:len(list)] {
			r.activity.wrote(began, err)
		}
		routes = routes[len(list):]
		if err != nil && ctx.Err() == nil {
			g.Log.WarnContext(ctx, "use is not written down yet", "sessions", len(list), "err", err)
		}
	}
}
