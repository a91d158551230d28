package gateway

import (
	"context"
	"sync"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/inflight"
)

// A question is shared by all who want its answer before it is put, and is put once at
// a time. Its zero value is ready to use.
type question struct {
	pause time.Duration // at least, between one and the next

	mu     sync.Mutex
	next   *asked // has not been put yet: who comes now may wait for it
	last   time.Time
	asking sync.Mutex
}

type asked struct {
	done chan struct{}
	err  error // once done
}

// answer returns the error of ask, which begins after the call. It is one of tasks, and
// goes on if ctx ends.
func (q *question) answer(ctx, alive context.Context, tasks *inflight.Counter, ask func() error) error {
	next := q.share(alive, tasks, ask)
	if next == nil {
		return errClosing
	}
	select {
	case <-next.done:
		return next.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// share returns the one that is about to be put, or nil if tasks takes no more.
func (q *question) share(alive context.Context, tasks *inflight.Counter, ask func() error) *asked {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next == nil {
		if !tasks.Begin() {
			return nil
		}
		q.next = &asked{done: make(chan struct{})}
		go func(next *asked, wait time.Duration) {
			defer tasks.End()
			defer close(next.done)
			_ = clock.Sleep(alive, wait) // then it ends at once
			next.err = q.put(ask)
		}(q.next, time.Until(q.last.Add(q.pause)))
	}
	return q.next
}

func (q *question) put(ask func() error) error {
	q.asking.Lock()
	defer q.asking.Unlock()
	q.mu.Lock()
	q.next, q.last = nil, time.Now()
	q.mu.Unlock()
	return ask()
}
