package session

import (
	"context"
	"sync"
	"time"

	"wrpdistributor/internal/clock"
)

const (
	censusAge   = time.Second           // of what clients are told of the pool
	censusPause = 50 * time.Millisecond // at least, from one to the next
)

// A census is what the database says of all hosts.
type census struct {
	began   time.Time
	changes int64 // of the store, before it began

	done    chan struct{} // closed when what follows is set
	rows    map[string]usage
	drained map[string]Drained
	err     error
}

// A censusTaker counts the rows of all hosts: once for all who ask within a second, one
// census at a time. A change that this process has made is seen at once all the same:
// whoever made it may look whether it worked. It is safe for concurrent use.
type censusTaker struct {
	store *Store
	age   time.Duration // at most, of what is told again
	tasks sync.WaitGroup

	mu   sync.Mutex // guards what follows
	last *census    // that has begun; nil: none yet
	next *census    // has not begun: who comes now may wait for it

	taking sync.Mutex
}

// recent returns a census that began not too long ago, and after all that this
// process has changed. Who gives up at the end of ctx ends it for nobody: it is taken
// under the other context.
func (t *censusTaker) recent(ctx, working context.Context) (*census, error) {
	if c := t.known(); c != nil {
		return c.await(ctx)
	}
	return t.exact(ctx, working)
}

// exact is [censusTaker.recent] for a census that begins after the call.
func (t *censusTaker) exact(ctx, working context.Context) (*census, error) {
	return t.join(working).await(ctx)
}

// known returns the last census, whether it is finished or not, if it will do.
func (t *censusTaker) known() *census {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil || t.last.changes != t.store.changes.Load() || time.Since(t.last.began) >= t.age || t.last.failed() {
		return nil
	}
	return t.last
}

func (t *censusTaker) join(working context.Context) *census {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == nil {
		c := &census{done: make(chan struct{})}
		t.next = c
		t.tasks.Go(func() { t.take(working, c) })
	}
	return t.next
}

func (t *censusTaker) take(ctx context.Context, c *census) {
	t.taking.Lock()
	defer t.taking.Unlock()
	_ = clock.Sleep(ctx, t.pause()) // if ctx ends, so do the statements
	t.begin(c)
	if c.rows, c.err = t.store.usage(ctx); c.err == nil {
		c.drained, c.err = t.store.Drained(ctx)
	}
	close(c.done)
}

func (t *censusTaker) pause() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		return 0
	}
	return time.Until(t.last.began.Add(censusPause))
}

func (t *censusTaker) begin(c *census) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last, t.next = c, nil
	c.began, c.changes = time.Now(), t.store.changes.Load()
}

// await returns the census when it is finished, within the budget of ctx.
func (c *census) await(ctx context.Context) (*census, error) {
	err := ask(ctx, func(ctx context.Context) error {
		select {
		case <-c.done:
			return c.err
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return c, err
}

func (c *census) failed() bool {
	select {
	case <-c.done:
		return c.err != nil
	default:
		return false
	}
}
