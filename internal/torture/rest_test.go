package torture

import (
	"context"
	"sync"
	"time"
)

// rest does nothing for a while, or longer if the torture wants to see what
// becomes of a session that nobody uses.
func (c *client) rest(ctx context.Context) {
	if c.held == nil {
		return
	}
	r := c.rests.begin(c.held)
	select {
	case <-ctx.Done():
	case <-r.over:
	case <-time.After(time.Duration(500+c.rng.IntN(2500)) * time.Millisecond):
		if !c.rests.end(r) {
			select {
			case <-r.over:
			case <-ctx.Done():
			}
		}
	}
}

// rests are the clients that do nothing just now. It is safe for concurrent use.
type rests struct {
	mu   sync.Mutex
	list map[*rest]bool
}

// A rest is a client that does nothing.
type rest struct {
	rec  *record
	over chan struct{} // closed by who holds it
}

func (r *rests) begin(rec *record) *rest {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.list == nil {
		r.list = make(map[*rest]bool)
	}
	one := &rest{rec, make(chan struct{})}
	r.list[one] = true
	return one
}

// end ends a rest. It reports false if that is held.
func (r *rests) end(one *rest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer delete(r.list, one)
	return r.list[one]
}

func (r *rests) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.list)
}

// holdAll makes all rests last until their channels are closed.
func (r *rests) holdAll() []*rest {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*rest
	for one := range r.list {
		all = append(all, one)
	}
	clear(r.list)
	return all
}
