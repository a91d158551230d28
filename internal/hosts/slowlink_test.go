package hosts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// overdue returns a context whose time is up, and that watched a link which answered so
// many questions in time, and so many late.
func overdue(inTime, late int) context.Context {
	p := &Patience{Context: context.Background(), done: make(chan struct{}), err: context.DeadlineExceeded}
	close(p.done)
	p.watch.inTime, p.watch.late = inTime, late
	return p
}

// TestSlowLinkIsBlamed: of what the time was up for while the link was behind, the link is
// blamed, once, and not the engine that answered others.
func TestSlowLinkIsBlamed(t *testing.T) {
	for _, tt := range []struct {
		name         string
		inTime, late int
		want         error
	}{
		{"the link was behind", 8, 20, ErrUnreachable},
		{"once it was", 8, 1, ErrUnfinished},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newTestHost(t)
			ctx := overdue(tt.inTime, tt.late)
			err := h.ask(ctx, func(ctx context.Context) error {
				h.engine.answered.Store(time.Now().Add(time.Second).UnixNano()) // somebody else
				return fmt.Errorf("remove: %w", ctx.Err())
			})
			slow := 0
			if tt.want == ErrUnreachable {
				slow = 1
			}
			for _, err := range []error{err, h.judge(ctx, err), unanswered(ctx, err)} {
				if n := strings.Count(err.Error(), "the link to the host is slow"); n != slow || !errors.Is(err, tt.want) {
					t.Errorf("error = %v, want %v; the link named %d times, want %d", err, tt.want, n, slow)
				}
			}
		})
	}
}
