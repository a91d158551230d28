package hosts

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestNoPatienceWithoutTime: what is asked with a context that has ended is not begun,
// whichever goroutine comes first.
func TestNoPatienceWithoutTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		p, end := newPatience(ctx, time.Hour, func() *connection { return nil }, func() bool { return false })
		if err := p.Err(); !errors.Is(err, context.Canceled) {
			t.Fatalf("patience of an ended context: Err = %v, want %v", err, context.Canceled)
		}
		end()
	}
}
