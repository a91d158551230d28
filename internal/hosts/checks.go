package hosts

import (
	"context"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// checkInterval is between two checks of a host that works.
const checkInterval = 10 * time.Second

// turns spread the checks of a pool's hosts evenly over the interval, however close
// together the ones before came.
type turns struct {
	begun time.Time
	step  time.Duration
	given int
}

func newTurns(n int) *turns {
	return &turns{begun: time.Now(), step: checkInterval / time.Duration(max(n, 1))}
}

// next returns a function that says how long it is to the turn of one more host.
func (t *turns) next() func() time.Duration {
	phase := time.Duration(t.given) * t.step
	t.given++
	return func() time.Duration { return untilTurn(time.Since(t.begun), phase) }
}

// untilTurn returns how long it is from now to the next moment that is phase into an
// interval: never longer than that.
func untilTurn(now, phase time.Duration) time.Duration {
	passed := ((now-phase)%checkInterval + checkInterval) % checkInterval
	return checkInterval - passed
}

// firstChecks are the checks of all hosts of which nothing is known yet. All who wait
// for them share them.
type firstChecks struct {
	enough time.Duration // after which who waits does with what is known
	done   atomic.Bool   // all hosts are known
	alive  context.Context
	abort  context.CancelFunc
	tasks  sync.WaitGroup

	mu      sync.Mutex
	running *firstRound // nil: none
}

// A firstRound is one check of each unknown host.
type firstRound struct {
	began time.Time
	over  chan struct{} // closed when all were checked
	up    chan struct{} // closed when one takes containers
	once  sync.Once     // for up
}

func newFirstChecks(enough time.Duration) *firstChecks {
	f := &firstChecks{enough: enough}
	f.alive, f.abort = context.WithCancel(context.Background())
	return f
}

// AwaitFirstCheck waits until every host has been checked once. When a connect timeout
// has passed, one that takes containers is enough: the others do not answer, or are
// so many that it is not their turn yet.
func (p *Pool) AwaitFirstCheck(ctx context.Context) {
	if p.first.done.Load() {
		return
	}
	round := p.firstRound()
	enough := time.NewTimer(time.Until(round.began.Add(p.first.enough))) // whoever comes later waits less
	defer enough.Stop()
	select {
	case <-round.over:
		return
	case <-ctx.Done():
		return
	case <-enough.C:
	}
	select {
	case <-round.over:
	case <-round.up:
	case <-ctx.Done():
	}
}

// firstRound returns the round that is under way, or begins one.
func (p *Pool) firstRound() *firstRound {
	f := p.first
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running == nil {
		round := &firstRound{began: time.Now(), over: make(chan struct{}), up: make(chan struct{})}
		f.running = round
		f.tasks.Go(func() { p.checkFirst(round) })
	}
	return f.running
}

func (p *Pool) checkFirst(round *firstRound) {
	var checks sync.WaitGroup
	for _, h := range p.all() {
		checks.Go(func() {
			h.firstCheck(p.first.alive)
			if h.status().State == Up {
				round.once.Do(func() { close(round.up) })
			}
		})
	}
	checks.Wait()
	if p.Len() > parallelLogins {
		debug.FreeOSMemory() // what so many logins took is not needed again
	}
	p.first.finish(round, p.isKnown())
}

func (f *firstChecks) finish(round *firstRound, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = nil
	f.done.Store(known)
	close(round.over)
}

// isKnown reports whether something is known of each host.
func (p *Pool) isKnown() bool {
	for _, h := range p.all() {
		if h.status().State == Unknown {
			return false
		}
	}
	return true
}

func (f *firstChecks) end() {
	f.abort()
	f.tasks.Wait()
}

// firstCheck checks a host of which nothing is known. If somebody is at it, that is
// waited for.
func (h *host) firstCheck(ctx context.Context) {
	select {
	case h.first <- struct{}{}:
		defer func() { <-h.first }()
	case <-ctx.Done():
		return
	}
	if h.status().State == Unknown {
		h.checkHealth(ctx)
	}
}
