package gateway

import (
	"context"
	"sync"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/inflight"
)

// A question is shared by all who want its answer before it is put, each about
// something of its own, and is put once at a time. Its zero value is ready to use.
type question[T any] struct {
	pause time.Duration // at least, between one and the next

	mu     sync.Mutex
	next   *asked[T] // has not been put yet: who comes now may wait for it
	last   time.Time
	asking sync.Mutex
}

type asked[T any] struct {
	about []T
	done  chan struct{}
	err   error // once done
}

// answer returns the error of ask, which begins after the call, and is told what all who
// share it want to know about. It is one of tasks, and goes on if ctx ends.
func (q *question[T]) answer(ctx, alive context.Context, tasks *inflight.Counter, about T, ask func([]T) error) error {
	next := q.share(alive, tasks, about, ask)
	if next == nil {
		return ErrClosing
	}
	select {
	case <-next.done:
		return next.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// share returns the one that is about to be put, or nil if tasks takes no more.
func (q *question[T]) share(alive context.Context, tasks *inflight.Counter, about T, ask func([]T) error) *asked[T] {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next == nil {
		if !tasks.Begin() {
			return nil
		}
		q.next = &asked[T]{done: make(chan struct{})}
		go func(next *asked[T], wait time.Duration) {
			defer tasks.End()
			defer close(next.done)
			_ = clock.Sleep(alive, wait) // then it ends at once
			next.err = q.put(next, ask)
		}(q.next, time.Until(q.last.Add(q.pause)))
	}
	q.next.about = append(q.next.about, about)
	return q.next
}

func (q *question[T]) put(next *asked[T], ask func([]T) error) error {
	q.asking.Lock()
	defer q.asking.Unlock()
	q.mu.Lock()
	q.next, q.last = nil, time.Now() // from now on nobody joins it
	q.mu.Unlock()
	return ask(next.about)
}
