package gateway

import "context"

// A lock is a mutex that can be waited for until a context ends. It is held by
// whoever has a value in it.
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
