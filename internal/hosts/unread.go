package hosts

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// maxUnread is how many channels to one port may be closed here, and not by sshd. It keeps
// those whose container does not read what it was sent, until the container has ended; and no
// one container may have so many that it costs others of its host something.
const maxUnread = 64

var errUnread = errors.New("the container does not read what it was sent")

// unread are the channels to ports that sshd has not closed, though we have.
type unread struct {
	mu    sync.Mutex
	n     map[int]int   // by port
	fewer chan struct{} // closed when there is one fewer; nil: nobody waits for that
}

// await waits until one more channel may be opened to a port.
func (u *unread) await(ctx context.Context, port int) error {
	for {
		fewer := u.tooMany(port)
		if fewer == nil {
			return nil
		}
		select {
		case <-fewer:
		case <-ctx.Done():
			return fmt.Errorf("%w, by %d connections: %w", errUnread, maxUnread, ctx.Err())
		}
	}
}

// tooMany returns what is closed when there may be fewer, or nil.
func (u *unread) tooMany(port int) <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.n[port] < maxUnread {
		return nil
	}
	if u.fewer == nil {
		u.fewer = make(chan struct{})
	}
	return u.fewer
}

// add counts a channel until it is done.
func (u *unread) add(port int) (done func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.n == nil {
		u.n = make(map[int]int)
	}
	u.n[port]++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.n[port]--; u.n[port] == 0 {
			delete(u.n, port)
		}
		if u.fewer != nil {
			close(u.fewer)
			u.fewer = nil
		}
	}
}
