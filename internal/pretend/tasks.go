package pretend

import (
	"context"
	"sync"
	"time"
)

// tasks owns the goroutines of a host.
type tasks struct {
	ctx    context.Context // done when the host closes
	cancel context.CancelFunc

	mu     sync.Mutex // orders spawn and close, so that nothing starts after wait
	closed bool
	group  sync.WaitGroup
}

func newTasks() *tasks {
	ctx, cancel := context.WithCancel(context.Background())
	return &tasks{ctx: ctx, cancel: cancel}
}

// spawn runs work in a goroutine. It says false, and runs nothing, if the host
// is closing.
func (t *tasks) spawn(work func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.group.Go(work)
	return true
}

// close tells the goroutines to end.
func (t *tasks) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
}

// wait returns when all have ended.
func (t *tasks) wait() { t.group.Wait() }

// sleep waits for d. It says false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
