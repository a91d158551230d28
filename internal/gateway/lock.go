package gateway

import "context"

// A lock is a mutex that can be waited for until a context ends. Whoever put a value
// into it holds it.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

// acquire reports whether it got the lock before ctx ended.
func (l lock) acquire(ctx context.Context) bool {
	select {
	case l <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// tryAcquire reports whether nobody held the lock.
func (l lock) tryAcquire() bool {
	select {
	case l <- struct{}{}:
		return true
	default:
		return false
	}
}

func (l lock) release() { <-l }
