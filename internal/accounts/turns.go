package accounts

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"wrpdistributor/internal/auth"
)

const (
	atOnce     = 2  // passwords of one address that bcrypt looks at
	maxWaiting = 64 // that wait for it: a class of computers behind one address gets in

	maxTurnWait = 5 * time.Second // after which somebody is rather told to try again
)

// turns bounds what an address can have computed. It is safe for concurrent use.
type turns struct {
	mu sync.Mutex // guards what follows
	of map[netip.Prefix]*line
}

// A line is of the requests of one address.
type line struct {
	*semaphore.Weighted
	length int // those that have their turn, too
}

func newLines() map[netip.Prefix]*line { return make(map[netip.Prefix]*line) }

// take waits for a turn, which ends with a call of what it returns. If too many wait, or
// it takes too long, it returns [ErrBusy].
func (t *turns) take(ctx context.Context, from netip.Addr) (release func(), err error) {
	network := auth.Network(from)
	l := t.join(network)
	if l == nil {
		return nil, ErrBusy
	}
	waiting, cancel := context.WithTimeout(ctx, maxTurnWait)
	defer cancel()
	if err := l.Acquire(waiting, 1); err != nil {
		t.leave(network)
		if ctx.Err() == nil {
			err = ErrBusy
		}
		return nil, err
	}
	return func() {
		l.Release(1)
		t.leave(network)
	}, nil
}

func (t *turns) join(network netip.Prefix) *line {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.of[network]
	if l == nil {
		l = &line{Weighted: semaphore.NewWeighted(atOnce)}
		t.of[network] = l
	}
	if l.length >= atOnce+maxWaiting {
		return nil
	}
	l.length++
	return l
}

func (t *turns) leave(network netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.of[network]
	if l.length--; l.length == 0 {
		delete(t.of, network)
	}
}
