package hosts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/bubbletest"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/porttest"
	"wrpdistributor/internal/proctest"
)

// A journal is a log that can be read.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write takes a line.
func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) count(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), text)
}

// fewSessions returns a pool with a host that is reached by dial-stdio only, and
// whose sshd allows so many sessions; and its log.
func fewSessions(t *testing.T, limit int) (*Pool, string, *journal) {
	t.Helper()
	p, id := realPool(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{
		KeyOptions: `restrict,command="docker system dial-stdio"`, Config: fmt.Sprintf("MaxSessions %d", limit),
	}))
	j := &journal{}
	log := slog.New(slog.NewTextHandler(io.MultiWriter(j, t.Output()), nil))
	p.hosts[0].log, p.hosts[0].client.log = log, log
	return p, id, j
}

// A census knows which sessions' containers a watcher was told of.
type census struct {
	mu    sync.Mutex
	known map[int64]bool
	all   chan struct{} // closed when it knows so many
	want  int
}

// HandleEvent implements [Watcher].
func (c *census) HandleEvent(_ context.Context, e Event) { c.add(e.Container) }

// HandleListing implements [Watcher].
func (c *census) HandleListing(_ context.Context, _ string, list []Container) { c.add(list...) }

func (c *census) add(list ...Container) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := len(c.known)
	for _, f := range list {
		c.known[f.Session] = true
	}
	if before < c.want && len(c.known) == c.want {
		close(c.all)
	}
}

// startOne has a container come into being as a PUT does.
func startOne(ctx context.Context, p *Pool, s Spec) (err error) {
	if s.ID, err = p.Create(ctx, s); err != nil {
		return err
	}
	if err := p.Start(ctx, s.Ref); err != nil {
		return err
	}
	_, err = p.Inspect(ctx, s.Ref)
	return err
}

// TestPlaceThatIsNotFreeYet: sshd refuses a session for one that ended here a moment ago,
// which says nothing of how many it allows. If it goes on with that, it allows fewer.
func TestPlaceThatIsNotFreeYet(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		s := newSessions(slog.New(slog.DiscardHandler))
		take := func() {
			t.Helper()
			if s.tryTake() != nil {
				t.Fatal("a session has to wait; want it to be asked for")
			}
		}
		refused := func(want int) {
			t.Helper()
			take()
			if err := s.refused(); err != nil || s.allowed() != want {
				t.Errorf("sshd is said to allow %d sessions, %v; want %d", s.allowed(), err, want)
			}
		}
		for range 2 {
			take()
			s.opened()
		}
		s.ended()
		refused(maxStdio)
		time.Sleep(freeingTime - 1)
		refused(maxStdio)
		take()
		s.opened()
		refused(2)
		s.ended()
		refused(2)
		time.Sleep(freeingTime)
		refused(1)
	})
}

// TestRealFewSessions: however few sessions sshd allows, what the host is asked waits
// for one. All starts at once succeed, the watcher hears of each container, the host
// is never down, and the log says once how many sessions there are.
func TestRealFewSessions(t *testing.T) {
	for _, limit := range []int{1, 2} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) { startOnFewSessions(t, limit) })
	}
}

// TestE2EFewSessions is much like the above.
func TestE2EFewSessions(t *testing.T) {
	proctest.E2E(t)
	startOnFewSessions(t, 4)
}

func startOnFewSessions(t *testing.T, limit int) {
	t.Helper()
	p, id, log := fewSessions(t, limit)
	const n = 8
	watcher := &census{known: make(map[int64]bool), all: make(chan struct{}), want: n}
	ctx, stop := context.WithCancel(t.Context())
	var running, starting sync.WaitGroup
	running.Go(func() { _ = p.Run(ctx, watcher) })
	defer running.Wait()
	defer stop()
	for i := range n {
		s := Spec{Ref: Ref{Host: "host0", Name: fmt.Sprintf("wrp_%s_%d", id[:8], i), Session: int64(i + 1), Nonce: "n"}, Port: porttest.Free(t), Token: "secret"}
		starting.Go(func() {
			if err := startOne(t.Context(), p, s); err != nil {
				t.Errorf("start %d: %v", i, err)
			}
		})
	}
	starting.Wait()
	if !t.Failed() {
		<-watcher.all
	}
	if n := log.count(fmt.Sprintf("limit=%d\n", limit)); n != 1 || log.count("limit=") != 1 {
		t.Errorf("the log says %d times that the limit is %d, %d times that there is one", n, limit, log.count("limit="))
	}
	// A check may have waited in vain so far.
	if p.CheckHealth(t.Context()); log.count("host down") > 0 || p.Status()[0].State != Up {
		t.Errorf("status = %+v, want it up all the time", p.Status()[0])
	}
}

// TestRealNoSession: where sshd allows no sessions at all, the reason says so.
func TestRealNoSession(t *testing.T) {
	p, _, _ := fewSessions(t, 0)
	p.CheckHealth(t.Context())
	if st := p.Status()[0]; st.State != Unreachable || !strings.Contains(st.Reason, "MaxSessions") {
		t.Errorf("status = %+v, want MaxSessions named", st)
	}
}

// TestRealBusySessions: what waits for a session until its time is up was never
// sent. Its outcome is certain, and the host is not down.
func TestRealBusySessions(t *testing.T) {
	p, id, log := fewSessions(t, 1)
	p.CheckHealth(t.Context())
	h := p.hosts[0]
	h.engine.transport.CloseIdleConnections()
	held, err := h.client.dialDocker(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := Spec{Ref: Ref{Host: "host0", Name: "wrp_" + id[:8] + "_1", Session: 1, Nonce: "n"}, Port: porttest.Free(t), Token: "secret"}
	created := s.Ref
	created.ID = "created"
	for what, ask := range map[string]func(context.Context) error{
		"create":  func(ctx context.Context) error { _, err := h.create(ctx, s); return err },
		"start":   func(ctx context.Context) error { return p.Start(ctx, created) },
		"inspect": func(ctx context.Context) error { _, err := p.Inspect(ctx, created); return err },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), pollInterval/10)
		if err := ask(ctx); !errors.Is(err, ErrBusy) || errors.Is(err, ErrUncertain) || errors.Is(err, ErrGone) {
			t.Errorf("%s = %v, want it never sent", what, err)
		}
		cancel()
	}
	if st := p.Status()[0]; st.State != Up || log.count("host down") > 0 {
		t.Errorf("status = %+v, want up", st)
	}
	if err := held.Close(); err != nil {
		t.Error(err)
	}
	if err := startOne(t.Context(), p, s); err != nil {
		t.Errorf("once a session is free: %v", err)
	}
}
