package pretend

import (
	"context"
	"sync"
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

// spawn runs work in a goroutine, unless the host is closing. It reports whether it
// does.
func (t *tasks) spawn(work func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.group.Go(work)
	return true
}

// close ends the context of the goroutines, and lets no other start.
func (t *tasks) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
}

// wait returns when all goroutines have ended.
func (t *tasks) wait() { t.group.Wait() }
