package gateway

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/reminder"
	"wrpdistributor/internal/session"
)

const (
	touchTimeout     = 3 * time.Second // of what a request waits for
	flushTimeout     = 5 * time.Second
	lastFlushTimeout = 3 * time.Second
	maxFlush         = 1000 // sessions in one statement
	ticks            = 15   // how often in an interval is looked for what is due
)

// An activity is what is known of the use of one session. Whoever writes it down,
// or freezes the session, holds the lock meanwhile.
type activity struct {
	lock

	mu          sync.Mutex
	lastUse     time.Time
	lastFlush   time.Time // of use to the database; zero: none yet
	lastFailure time.Time // to flush; zero: none since lastFlush
	frozen      bool      // perhaps: the next use has to look, and to unfreeze it

	trouble reminder.Trouble // to touch, freeze or unfreeze it
}

func newActivity() *activity { return &activity{lock: newLock()} }

// touch remembers use, which is written down later.
func (a *activity) used(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lastUse = now
}

func (a *activity) lastUsed() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lastUse
}

// due returns when the next use is to be written down.
func (a *activity) due(interval time.Duration) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	due := a.lastFlush.Add(interval)
	if a.frozen {
		due = time.Time{}
	}
	if again := a.lastFailure.Add(interval / 3); again.After(due) {
		due = again
	}
	return due
}

// unflushed reports whether there was use since the last flush. A moment later is
// the same use, else each page would be written down twice.
func (a *activity) unflushed(moment time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lastUse.Sub(a.lastFlush) > moment
}

// flushed records how a flush went that began at a time.
func (a *activity) flushed(began time.Time, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.lastFailure = time.Now()
		return
	}
	a.lastFlush, a.lastFailure = began, time.Time{}
}

// looked records how a look at the session went that began at a time.
func (a *activity) looked(began time.Time, err error) {
	a.flushed(began, err)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.frozen = err != nil
	if err == nil {
		a.trouble.Over()
	}
}

// freeze makes the next request flush its use at once, which unfreezes the session.
func (a *activity) freeze() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.frozen, a.lastFailure = true, time.Time{}
}

// touch records that a request uses its session. Mostly it is enough to remember
// that; after an interval without a flush the request waits for one. So it learns
// whether its session still runs, and finds its container unfrozen. If the database
// cannot be asked the request goes on, and the container is looked at meanwhile: it
// may be frozen.
func (g *Gateway) touch(ctx context.Context, r *route) error {
	a := r.activity
	if time.Now().Before(a.due(g.Interval)) {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, touchTimeout)
	defer cancel()
	if !a.acquire(waiting) {
		return ctx.Err() // nil if only whoever holds the lock takes too long
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
		return ErrEnded
	}
	a.looked(began, err)
	if err != nil && ctx.Err() == nil {
		g.check(r)
		if a.trouble.Due(err) {
			g.Log.WarnContext(ctx, "touch session failed; request goes on", "session", r.session.ID, "client", r.session.ClientName(), "err", err)
		}
	}
	return ctx.Err()
}

// keepFlushing writes use down that is due before the next look: all of it together, so
// that no use waits longer than an interval, and as many sessions as there may be cost a
// statement a second. A route that was not used since its last flush is skipped.
func (g *Gateway) keepFlushing(ctx context.Context) {
	pause := g.Interval / ticks
	for ctx.Err() == nil {
		_ = clock.Sleep(ctx, pause)
		next := time.Now().Add(pause)
		g.flush(ctx, func(r *route) bool { return r.activity.due(g.Interval).Before(next) })
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
	began := time.Now()
	var routes []*route
	for _, r := range g.routes.all() {
		if r.work.Busy() {
			r.activity.used(began)
		}
		// Whoever holds the lock is about to flush, or to look whether it is in use.
		if !r.activity.unflushed(g.Interval/ticks) || !isDue(r) || !r.activity.tryAcquire() {
			continue
		}
		defer r.activity.release()
		routes = append(routes, r)
	}
	// In this order several processes cannot wait for each other's rows in a circle.
	slices.SortFunc(routes, func(a, b *route) int { return cmp.Compare(a.session.ID, b.session.ID) })
	for chunk := range slices.Chunk(routes, maxFlush) {
		err := g.flushChunk(ctx, chunk)
		for _, r := range chunk {
			r.activity.flushed(began, err)
		}
	}
}

func (g *Gateway) flushChunk(ctx context.Context, routes []*route) error {
	ids := make([]int64, len(routes))
	for i, r := range routes {
		ids[i] = r.session.ID
	}
	flushing, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	_, err := g.Store.TouchAll(flushing, ids)
	if err == nil {
		g.flushTrouble.Over()
	} else if ctx.Err() == nil && g.flushTrouble.Due(err) {
		g.Log.WarnContext(ctx, "flush last-used failed; will retry", "sessions", len(ids), "err", err)
	}
	return err
}
