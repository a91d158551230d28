package httpapi

import (
	"context"
	"sync"
)

// inFlight counts the requests under way, so that a process can end without
// cutting them off. It is safe for concurrent use.
type inFlight struct {
	mu      sync.Mutex
	n       int
	closing bool
	idle    chan struct{} // closed when the last one ends after closing began
}

// begin counts a request in; false means that no more are taken.
func (f *inFlight) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing {
		return false
	}
	f.n++
	return true
}

func (f *inFlight) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n--
	if f.closing && f.n == 0 {
		close(f.idle)
	}
}

// drain takes no more requests, and waits for those under way or for ctx.
func (f *inFlight) drain(ctx context.Context) {
	f.mu.Lock()
	f.closing, f.idle = true, make(chan struct{})
	if f.n == 0 {
		close(f.idle)
	}
	idle := f.idle
	f.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}
