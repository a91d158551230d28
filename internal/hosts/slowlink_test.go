package hosts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// overdue returns a context whose time is up, and that watched a link on which bytes
// came since the latest question. The question was answered or not, and that was late
// or not.
func overdue(answered, late bool) context.Context {
	c := make(chan struct{})
	if answered {
		close(c)
	}
	conn := &connection{raw: &netConn{}}
	conn.raw.received.Store(1)
	p := &Patience{Context: context.Background(), done: make(chan struct{}), err: context.DeadlineExceeded}
	close(p.done)
	p.watch.conn, p.watch.answered, p.watch.late = conn, c, late
	return p
}

// TestSlowLinkIsBlamed: of what the time was up for while the link was behind, the link is
// blamed, once, and not the engine that answered others. It was behind until the latest
// look if the answer came after that.
func TestSlowLinkIsBlamed(t *testing.T) {
	for _, tt := range []struct {
		name           string
		answered, late bool
		want           error
	}{
		{"the link is behind", false, true, ErrUnreachable},
		{"it was a moment ago", true, true, ErrUnreachable},
		{"it was not", true, false, ErrUnfinished},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newTestHost(t)
			ctx := overdue(tt.answered, tt.late)
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
