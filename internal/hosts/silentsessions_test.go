package hosts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"testing"
	"time"

	"wrpdistributor/internal/bubbletest"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/porttest"
)

// hangTimeout is the time for a login, and so for a sign of life.
const hangTimeout = 3 * time.Second

// frozenSessions returns a pool with a host that is reached by dial-stdio only, whose
// sshd allows so many sessions, and whose engine can hang; and its log.
func frozenSessions(t *testing.T, limit int) (*Pool, *hoststest.Engine, *journal) {
	t.Helper()
	engine := hoststest.StartEngine(t)
	sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{KeyOptions: engine.KeyOptions(), Config: fmt.Sprintf("MaxSessions %d", limit)})
	p := realPoolOf(t, Config{
		Container:      ContainerConfig{Image: hoststest.Image, Args: []string{"-token", "{token}"}, Memory: 64 << 20, Pids: 64},
		ConnectTimeout: hangTimeout, StopTimeout: time.Second,
	}, sshd)
	j := &journal{}
	log := slog.New(slog.NewTextHandler(io.MultiWriter(j, t.Output()), nil))
	p.hosts[0].log, p.hosts[0].client.log = log, log
	return p, engine, j
}

// sessionSpec is of a container of the pool's only host.
func sessionSpec(t *testing.T, p *Pool, session int64) Spec {
	t.Helper()
	name := fmt.Sprintf("wrp_%s_%d", p.hosts[0].cfg.DatabaseID[:8], session)
	return Spec{Ref: Ref{Host: "host0", Name: name, Session: session, Nonce: "n"}, Port: porttest.Free(t), Token: "secret"}
}

func awaitState(t *testing.T, p *Pool, want State) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); p.Status()[0].State != want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("status = %+v, want %s", p.Status()[0], want)
		}
	}
}

// TestRealHungEngineHasAllSessions: an engine that hangs while a removal is under way
// keeps all sessions, so that nobody can ask it for a sign of life. That it gives none to
// anybody is enough: the host is down, and no start waits for it any more. It is up again
// when its engine is.
func TestRealHungEngineHasAllSessions(t *testing.T) {
	for _, limit := range []int{1, 2} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			p, engine, _ := frozenSessions(t, limit)
			watcher := &census{known: make(map[int64]bool), all: make(chan struct{}), want: 1}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { defer close(ended); _ = p.Run(ctx, watcher) }()
			defer func() { stop(); engine.Thaw(); <-ended }()
			s := sessionSpec(t, p, 1)
			id, err := p.Create(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if s.ID = id; p.Start(t.Context(), s.Ref) != nil {
				t.Fatal("the container does not start")
			}
			<-watcher.all
			awaitState(t, p, Up)
			engine.Freeze()
			removed := make(chan error, 1)
			go func() { removed <- p.Remove(ctx, s.Ref) }()
			for err = nil; !errors.Is(err, ErrDown); { // one who asks when the pause is over finds out for all others
				awaitState(t, p, Unreachable)
				if _, err = p.Create(t.Context(), sessionSpec(t, p, 2)); err == nil {
					t.Fatal("Create = nil, want ErrDown")
				}
			}
			engine.Thaw()
			if err := <-removed; err != nil && !errors.Is(err, ErrUnreachable) {
				t.Errorf("Remove = %v", err)
			}
			awaitState(t, p, Up)
		})
	}
}

// TestRealPullHasTheOnlySession: a pull that waits for its registry may keep the only
// session for as long as it likes. That says nothing against the engine.
func TestRealPullHasTheOnlySession(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 100)
	registry := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer registry.Close()
	p, _, log := frozenSessions(t, 1)
	h := p.hosts[0]
	if p.CheckHealth(t.Context()); h.status().State != Up {
		t.Fatalf("status = %+v, want up", h.status())
	}
	ctx, cancel := context.WithCancel(t.Context())
	pulled := make(chan error, 1)
	go func() {
		image := registry.Listener.Addr().(*net.TCPAddr).String() + "/wrp:latest"
		pulled <- h.engine.pull(ctx, image, func(_, _ int64) {})
	}()
	<-asked
	for range 2 {
		p.CheckHealth(t.Context())
		_, err := p.Create(t.Context(), sessionSpec(t, p, 1))
		if st := h.status(); !errors.Is(err, ErrBusy) || st.State != Up || log.count("host down") > 0 {
			t.Errorf("status = %+v, Create = %v; want it up and busy", st, err)
		}
	}
	cancel()
	registry.CloseClientConnections()
	<-pulled
	if p.CheckHealth(t.Context()); h.status().State != Up {
		t.Errorf("status = %+v after the pull, want up", h.status())
	}
}

// TestWantOfSession: who gets a session when most of the time is over has had no time
// for an answer. That says nothing against the host, nor does it if none came at all.
func TestWantOfSession(t *testing.T) {
	for _, tt := range []struct {
		name   string
		queued bool
		sent   time.Duration // of five seconds; 0: never
		want   error
	}{
		{"never", true, 0, ErrBusy},
		{"late", true, 4 * time.Second, errLateSession},
		{"soon", true, time.Second, nil},
		{"late, for another reason", false, 4 * time.Second, nil},
		{"never, for another reason", false, 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubbletest.Run(t, func(t *testing.T) {
				whole, cancel := newPatience(t.Context(), 5*time.Second, func() *connection { return nil }, func() bool { return false })
				defer cancel()
				p := &pendingRequest{begun: time.Now()}
				p.queued.Store(tt.queued)
				p.sent.Store(int64(tt.sent))
				<-whole.Done()
				again := &pendingRequest{begun: time.Now()} // by the client library
				for _, err := range []error{p.wanted(whole, false), again.wanted(whole, true)} {
					if !errors.Is(err, tt.want) {
						t.Errorf("wanted = %v, want %v", err, tt.want)
					}
				}
				h := newTestHost(t)
				if h.markDown(t.Context(), errors.Join(tt.want, io.ErrUnexpectedEOF)); h.status().State.IsDown() != (tt.want == nil) {
					t.Errorf("status = %+v after %v", h.status(), tt.want)
				}
			})
		})
	}
}

// TestBusyEngineIsNotSilent: that no session was free counts against the engine only if
// it answered nobody, and somebody has one who should have been answered.
func TestBusyEngineIsNotSilent(t *testing.T) {
	busy := fmt.Errorf("%w: %w", ErrBusy, context.DeadlineExceeded)
	for _, tt := range []struct {
		name     string
		answered bool
		slow     []time.Duration // how long those who have the two sessions may still last
		left     time.Duration
		err      error
		silent   bool
	}{
		{"silent", false, nil, 0, busy, true},
		{"an event stream, and a removal", false, []time.Duration{noLimit}, 0, busy, true},
		{"an event stream, and a stop after its grace", false, []time.Duration{noLimit, -time.Second}, 0, busy, true},
		{"an event stream, and a stop within its grace", false, []time.Duration{noLimit, time.Minute}, 0, busy, false},
		{"an event stream, and a pull", false, []time.Duration{noLimit, noLimit}, 0, busy, false},
		{"others are answered", true, nil, 0, busy, false},
		{"its caller had less time", false, nil, time.Second, busy, false},
		{"not for want of a session", false, nil, 0, context.DeadlineExceeded, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newTestHost(t)
			h.client = &sshClient{open: &connection{raw: &netConn{}, way: byCommand, stdio: &sessions{limit: 2}}}
			begun := time.Now().Add(-time.Nanosecond)
			if tt.answered {
				h.engine.hear()
			}
			for _, d := range tt.slow {
				r := httptest.NewRequestWithContext(mayLast(t.Context(), d), http.MethodGet, "/", http.NoBody)
				r, over := h.engine.slow.follow(r)
				defer over()
				httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{})
			}
			p := &Patience{}
			p.left.Store(int64(tt.left))
			if err := h.judgeBusy(p, begun, tt.err); errors.Is(err, errSilent) != tt.silent {
				t.Errorf("judgeBusy = %v, want silence: %t", err, tt.silent)
			}
		})
	}
}
