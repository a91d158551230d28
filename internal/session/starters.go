package session

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// starters are those who may be about to claim a slot, so that it can be waited until none
// is left that began before some moment. Its zero value is ready to use.
type starters struct {
	mu     sync.Mutex
	active map[chan struct{}]struct{} // closed when one is done
}

// begin adds one, until it calls end.
func (s *starters) begin() (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := make(chan struct{})
	if s.active == nil {
		s.active = make(map[chan struct{}]struct{})
	}
	s.active[done] = struct{}{}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.active, done)
		close(done)
	}
}

// wait returns when all are done that had begun before the call, or when ctx ends.
func (s *starters) wait(ctx context.Context) error {
	s.mu.Lock()
	begun := slices.Collect(maps.Keys(s.active))
	s.mu.Unlock()
	for _, done := range begun {
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// AwaitStarters returns when none is left who looked for a host before the call. Whatever such
// a one has claimed stands in the database then.
func (m *Manager) AwaitStarters(ctx context.Context) error { return m.starters.wait(ctx) }
