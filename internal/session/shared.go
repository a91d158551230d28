package session

import (
	"context"
	"sync"
	"time"

	"wrpdistributor/internal/clock"
)

// A look is what the database said once.
type look[T any] struct {
	began   time.Time
	changes int64 // that this process had made before

	done  chan struct{} // closed when what follows is set
	value T
	err   error
}

// shared looks at the database for all who want to know the same: one look at a time, and
// none while the last one will do. A change that this process has made is seen at once:
// whoever made it may look whether it worked. It is safe for concurrent use.
type shared[T any] struct {
	ask     func(context.Context) (T, error)
	changes func() int64  // that this process has made; one of them makes a look out of date
	age     time.Duration // after which it is
	pause   time.Duration // at least, from one look to the next
	tasks   sync.WaitGroup

	mu   sync.Mutex // guards what follows
	last *look[T]   // that has begun; nil: none yet
	next *look[T]   // has not begun: who comes now may wait for it

	asking sync.Mutex
}

// recent returns a look that is not out of date. It ends with working: who gives up at the
// end of ctx ends it for nobody.
func (s *shared[T]) recent(ctx, working context.Context) (*look[T], error) {
	if l := s.known(); l != nil {
		return l.await(ctx)
	}
	return s.exact(ctx, working)
}

// exact is [shared.recent] for a look that begins after the call.
func (s *shared[T]) exact(ctx, working context.Context) (*look[T], error) {
	return s.join(working).await(ctx)
}

// known returns the last look, whether it is finished or not, if it will do.
func (s *shared[T]) known() *look[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil || s.last.changes != s.changes() || time.Since(s.last.began) >= s.age || s.last.failed() {
		return nil
	}
	return s.last
}

func (s *shared[T]) join(working context.Context) *look[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		l := &look[T]{done: make(chan struct{})}
		s.next = l
		s.tasks.Go(func() { s.take(working, l) })
	}
	return s.next
}

func (s *shared[T]) take(ctx context.Context, l *look[T]) {
	s.asking.Lock()
	defer s.asking.Unlock()
	_ = clock.Sleep(ctx, s.untilNext()) // if ctx ends, so does the look
	s.begin(l)
	l.value, l.err = s.ask(ctx)
	close(l.done)
}

func (s *shared[T]) untilNext() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		return 0
	}
	return time.Until(s.last.began.Add(s.pause))
}

func (s *shared[T]) begin(l *look[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last, s.next = l, nil
	l.began, l.changes = time.Now(), s.changes()
}

// await returns the look when it is finished, within the budget of ctx.
func (l *look[T]) await(ctx context.Context) (*look[T], error) {
	err := ask(ctx, func(ctx context.Context) error {
		select {
		case <-l.done:
			return l.err
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (l *look[T]) failed() bool {
	select {
	case <-l.done:
		return l.err != nil
	default:
		return false
	}
}
