package hosts

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// newTestHost returns a host that nobody has asked yet.
func newTestHost(t *testing.T) *host {
	t.Helper()
	p, err := New(Config{Hosts: []Host{{Name: "h"}}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return p.hosts[0]
}

// TestDownHostIsLeftAlone: after a failure nobody waits for the host again until
// the pause is over. One that answers is still asked about its containers.
func TestDownHostIsLeftAlone(t *testing.T) {
	for _, tt := range []struct {
		name         string
		failure      error
		state        State
		unresponsive bool
	}{
		{"no answer", io.ErrUnexpectedEOF, Unreachable, true},
		{"an answer", ErrForbidden, Unusable, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTestHost(t)
				h.markDown(t.Context(), tt.failure)
				if st := h.status(); st.State != tt.state || !st.State.IsDown() || st.Reason != tt.failure.Error() {
					t.Errorf("status = %+v, want %s", st, tt.state)
				}
				if _, err := h.create(t.Context(), Spec{}); !errors.Is(err, ErrUnreachable) {
					t.Errorf("create = %v, want ErrUnreachable", err)
				}
				if asked, err := isAsked(t, h); asked == tt.unresponsive || errors.Is(err, ErrUnreachable) != tt.unresponsive {
					t.Errorf("asked %t, %v; unresponsive %t", asked, err, tt.unresponsive)
				}
				time.Sleep(2 * minPause)
				if asked, err := isAsked(t, h); !asked || err != nil {
					t.Errorf("after the pause: asked %t, %v", asked, err)
				}
			})
		})
	}
}

func isAsked(t *testing.T, h *host) (asked bool, err error) {
	err = h.call(t.Context(), func(context.Context) error { asked = true; return nil })
	return asked, err
}

// TestCancelledCallMarksNoHostDown: that the caller gave up says nothing of the host.
func TestCancelledCallMarksNoHostDown(t *testing.T) {
	h := newTestHost(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.markDown(ctx, ctx.Err())
	if st := h.status(); st.State != Unknown {
		t.Errorf("status = %+v, want Unknown", st)
	}
}

func TestHostWithoutImageIsNotDown(t *testing.T) {
	h := newTestHost(t)
	h.markUp(engineInfo{}, imageInfo{id: "sha256:1", dir: "/data"})
	if st := h.status(); st.State != Up {
		t.Errorf("status = %+v, want Up", st)
	}
	h.forgetImage()
	if st := h.status(); st.State != NoImage || st.State.IsDown() || st.Reason == "" {
		t.Errorf("status = %+v, want NoImage with a reason", st)
	}
	h.markDown(t.Context(), io.ErrUnexpectedEOF)
	if st := h.status(); st.State != Unreachable {
		t.Errorf("status = %+v, want Unreachable", st)
	}
}
