package hosts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/bubbletest"
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
			bubbletest.Run(t, func(t *testing.T) {
				h := newTestHost(t)
				h.markDown(t.Context(), tt.failure)
				if st := h.status(); st.State != tt.state || !st.State.IsDown() || st.Reason != tt.failure.Error() {
					t.Errorf("status = %+v, want %s", st, tt.state)
				}
				if _, err := h.create(t.Context(), Spec{}); !errors.Is(err, ErrDown) || errors.Is(err, ErrUnreachable) {
					t.Errorf("create = %v, want ErrDown", err)
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

// TestEndedCallMarksNoHostDown: that the caller gave up, or had no time to wait, says
// nothing of the host.
func TestEndedCallMarksNoHostDown(t *testing.T) {
	h := newTestHost(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for _, ctx := range []context.Context{cancelled, late} {
		h.markDown(ctx, ctx.Err())
		if st := h.status(); st.State != Unknown {
			t.Errorf("%v: status = %+v, want Unknown", ctx.Err(), st)
		}
	}
}

// TestSilentEngineKeepsOneWaiting: of those who want to know something of an engine that
// did not answer, one finds out whether it answers now. The others are told that it does
// not, until it does.
func TestSilentEngineKeepsOneWaiting(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		h := newTestHost(t)
		h.markDown(t.Context(), io.ErrUnexpectedEOF)
		time.Sleep(2 * minPause)
		err := h.call(t.Context(), func(context.Context) error {
			for range 10 {
				if asked, err := isAsked(t, h); asked || !errors.Is(err, ErrUnreachable) {
					t.Errorf("while one waits: asked %t, %v; want ErrUnreachable", asked, err)
				}
			}
			h.engine.answered.Store(time.Now().UnixNano())
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if asked, err := isAsked(t, h); !asked || err != nil {
			t.Errorf("after an answer: asked %t, %v", asked, err)
		}
		if st := h.status(); st.State != Unreachable {
			t.Errorf("status = %+v, want it down until it was checked", st)
		}
	})
}

// TestConnectionAndEngineAreTwo: what is known of the one says nothing of the other. The
// host is down while one of them is.
func TestConnectionAndEngineAreTwo(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		h := newTestHost(t)
		h.client = &sshClient{} // which has no connection
		h.markDown(t.Context(), io.ErrUnexpectedEOF)
		if err := h.unconnected(); !errors.Is(err, ErrUnreachable) {
			t.Errorf("without a connection: unconnected = %v, want ErrUnreachable", err)
		}
		h.client.open = &connection{raw: &netConn{}}
		h.markDown(t.Context(), errSilent)
		h.client.open = nil // breaks, and may be made again at once
		if err := h.unconnected(); err != nil {
			t.Errorf("with a silent engine: unconnected = %v, want nil", err)
		}
		if err := h.unresponsive(); !errors.Is(err, ErrUnreachable) {
			t.Errorf("with a silent engine: unresponsive = %v, want ErrUnreachable", err)
		}
		h.markUp(engineInfo{}, imageInfo{id: "sha256:1", dir: "/data"})
		if st := h.status(); st.State != Up || h.unresponsive() != nil || h.down() != nil {
			t.Errorf("status = %+v, want up", st)
		}
	})
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

// TestDownHostIsSaidOnce: and once an hour after that, however often it is tried. A
// reason that is another one is said too, and so is whatever comes after it was up.
func TestDownHostIsSaidOnce(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		h := newTestHost(t)
		var log strings.Builder
		h.log = slog.New(slog.NewTextHandler(&log, nil))
		h.client = &sshClient{} // which has no connection
		down := func(d time.Duration) int {
			log.Reset()
			for i, end := 0, time.Now().Add(d); time.Now().Before(end); i++ {
				h.markDown(t.Context(), fmt.Errorf("read 10.0.0.1:%d: reset", 40000+i))
				time.Sleep(h.untilNextCheck())
			}
			return strings.Count(log.String(), `level=WARN msg="host down" err=`)
		}
		if n := down(90 * time.Minute); n != 2 {
			t.Errorf("said %d times in 90 minutes, want at once and after an hour:\n%s", n, log.String())
		}
		log.Reset()
		h.markDown(t.Context(), ErrNetwork)
		if !strings.Contains(log.String(), ErrNetwork.Error()) {
			t.Error("another reason is not said")
		}
		if n := down(10 * time.Minute); n != 0 {
			t.Errorf("the first reason is said again %d times, want not before an hour has passed", n)
		}
		h.markUp(engineInfo{}, imageInfo{id: "sha256:1", dir: "/data"})
		if n := down(time.Minute); n != 1 {
			t.Errorf("said %d times after the host was up, want once", n)
		}
	})
}
