package hosts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

const databaseID = "0123456789abcdef0123456789abcdef"

// newPool returns a pool over pretend hosts, and what it logs.
func newPool(t *testing.T, list []*pretend.Host, change func(*hosts.Config)) (*hosts.Pool, *logRecorder) {
	t.Helper()
	cfg := servicetest.Configure(t, list, servicetest.Options{})
	log := &logRecorder{t: t, out: t.Output()}
	pc := hosts.Config{
		Hosts: cfg.Hosts, DatabaseID: databaseID, Container: cfg.Container, KnownHosts: cfg.KnownHosts,
		ConnectTimeout: time.Minute, ReadyTimeout: 300 * time.Millisecond, StopTimeout: time.Second,
		Log: slog.New(slog.NewJSONHandler(log, nil)),
	}
	if change != nil {
		change(&pc)
	}
	p, err := hosts.New(pc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, log
}

// A logRecorder keeps the attributes of what is logged as JSON.
type logRecorder struct {
	t     *testing.T
	out   io.Writer
	mu    sync.Mutex
	lines []map[string]any
}

// Write takes one line.
func (l *logRecorder) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.out.Write(b) // for people
	var line map[string]any
	if err := json.Unmarshal(b, &line); err != nil {
		l.t.Error(err)
	}
	l.lines = append(l.lines, line)
	return len(b), nil
}

// count returns how many lines have the attributes: keys and values in turn. An
// empty value stands for any.
func (l *logRecorder) count(attributes ...string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, line := range l.lines {
		if hasAll(line, attributes) {
			n++
		}
	}
	return n
}

func hasAll(line map[string]any, attributes []string) bool {
	for i := 0; i < len(attributes); i += 2 {
		got, ok := line[attributes[i]]
		if want := attributes[i+1]; !ok || want != "" && fmt.Sprint(got) != want {
			return false
		}
	}
	return true
}

func spec(session int64, port int) hosts.Spec {
	return hosts.Spec{
		Ref:  hosts.Ref{Host: "host0", Name: fmt.Sprintf("wrp_01234567_%d", session), Session: session, Nonce: "claim"},
		Port: port, Token: "secret",
	}
}

// start creates and starts a container and returns it with its id.
func start(t *testing.T, p *hosts.Pool, s hosts.Spec) hosts.Spec {
	t.Helper()
	id, err := p.Create(t.Context(), s)
	must(t, err)
	s.ID = id
	must(t, p.Start(t.Context(), s.Ref))
	return s
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// noWatcher is told of events and does nothing.
type noWatcher struct{}

func (noWatcher) HandleEvent(context.Context, hosts.Event)                 {}
func (noWatcher) HandleListing(context.Context, string, []hosts.Container) {}

// run runs the pool as long as the test.
func run(t *testing.T, p *hosts.Pool) {
	t.Helper()
	done := make(chan error)
	go func() { done <- p.Run(t.Context(), noWatcher{}) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
