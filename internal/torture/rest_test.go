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
	n := c.rests.begin(c.held)
	select {
	case <-ctx.Done():
	case <-n.over:
	case <-time.After(time.Duration(500+c.rng.IntN(2500)) * time.Millisecond):
		if !c.rests.end(n) {
			select {
			case <-n.over:
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

type rest struct {
	rec  *record
	over chan struct{} // closed by who has taken it
}

func (n *rests) begin(rec *record) *rest {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.list == nil {
		n.list = make(map[*rest]bool)
	}
	p := &rest{rec, make(chan struct{})}
	n.list[p] = true
	return p
}

// end ends a nap, unless it was taken.
func (n *rests) end(p *rest) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	defer delete(n.list, p)
	return n.list[p]
}

func (n *rests) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.list)
}

// holdAll makes all naps last until their channels are closed.
func (n *rests) holdAll() []*rest {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []*rest
	for p := range n.list {
		all = append(all, p)
	}
	clear(n.list)
	return all
}
