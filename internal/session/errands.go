package session

import (
	"context"
	"sync"
	"time"

	"wrpdistributor/internal/clock"
)

const (
	// errandPause is how long after a database that did not answer it is asked again.
	errandPause = time.Second

	errandTimeout = 20 * time.Second // of one attempt
)

// errands are what remains to be done when the database answers again, which it did not:
// nobody else does it before START_TIMEOUT, since the start may be under way. What is
// left when they are closed is left to cleanup.
type errands struct {
	alive context.Context // done when they are closed
	end   context.CancelFunc
	tasks sync.WaitGroup

	mu     sync.Mutex // guards what follows
	closed bool
}

func newErrands() *errands {
	e := &errands{}
	e.alive, e.end = context.WithCancel(context.Background())
	return e
}

// until has do done again and again until it reports that nothing is left to do.
func (e *errands) until(do func(context.Context) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.tasks.Go(func() {
		for clock.Sleep(e.alive, errandPause) == nil {
			if e.try(do) {
				return
			}
		}
	})
}

func (e *errands) try(do func(context.Context) bool) bool {
	ctx, cancel := context.WithTimeout(e.alive, errandTimeout)
	defer cancel()
	return do(ctx)
}

// close ends them, and waits for what is under way.
func (e *errands) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.end()
	e.tasks.Wait()
}
