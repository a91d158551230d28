package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

var (
	amiga = session.Client{IP: "192.0.2.1", UserAgent: "AmiFox/1.0 (a1200)"}
	atari = session.Client{IP: "192.0.2.1", UserAgent: "AmiFox/1.0 (falcon)"}
	st    = session.Client{IP: "192.0.2.2", UserAgent: "AmiFox/1.0 (falcon)"}
)

// get asks a session's WRP for its start page.
func get(t *testing.T, k *servicetest.Kit, s *session.Session, token string) int {
	t.Helper()
	h, err := k.Pool.Host(s.Host)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s:%d/", h.Address, s.Port), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Bearer", token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// mustAllocate returns a session, and checks whether it is a fresh one.
func mustAllocate(t *testing.T, k *servicetest.Kit, c session.Client, wantFresh bool) *session.Session {
	t.Helper()
	s, fresh, err := k.Sessions.Allocate(t.Context(), c, false)
	if err != nil {
		t.Fatalf("Allocate for %s: %v", c.UserAgent, err)
	}
	if fresh != wantFresh {
		t.Errorf("Allocate for %s: fresh = %t, want %t", c.UserAgent, fresh, wantFresh)
	}
	return s
}

// rows returns how many rows are in each state, like "running:2 stopping:1".
func rows(t *testing.T, k *servicetest.Kit) string {
	t.Helper()
	all, err := k.Store.All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	count := make(map[session.State]int)
	for _, s := range all {
		count[s.State]++
	}
	var parts []string
	for _, state := range []session.State{session.Claimed, session.Warming, session.Warm, session.Starting, session.Running, session.Stopping} {
		if n := count[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s:%d", state, n))
		}
	}
	return strings.Join(parts, " ")
}

func wantRows(t *testing.T, k *servicetest.Kit, want string) {
	t.Helper()
	if got := rows(t, k); got != want {
		t.Errorf("rows = %q, want %q", got, want)
	}
}

func TestLife(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{})
		s := mustAllocate(t, k, amiga, true)
		if got := get(t, k, s, s.Token); got != http.StatusOK {
			t.Errorf("WRP with token answers %d, want 200", got)
		}
		if got := get(t, k, s, ""); got != http.StatusUnauthorized {
			t.Errorf("WRP without token answers %d, want 401", got)
		}
		if again := mustAllocate(t, k, amiga, false); again.ID != s.ID || again.Token != s.Token {
			t.Errorf("second Allocate = session %d, want the same %d", again.ID, s.ID)
		}
		if other := mustAllocate(t, k, atari, true); other.Port == s.Port {
			t.Errorf("two clients share port %d", s.Port)
		}
		if _, _, err := k.Sessions.Allocate(t.Context(), st, false); !isFull(err, "host0: full 2/2") {
			t.Errorf("Allocate on a full pool = %v, want a FullError that says so", err)
		}
		if err := k.Sessions.Touch(t.Context(), amiga); err != nil {
			t.Error(err)
		}
		if err := k.Sessions.Stop(t.Context(), amiga); err != nil {
			t.Error(err)
		}
		for name, err := range map[string]error{
			"Release": k.Sessions.Stop(t.Context(), amiga), "Touch": k.Sessions.Touch(t.Context(), amiga),
		} {
			if !errors.Is(err, session.ErrNotFound) {
				t.Errorf("%s of a session that ended = %v, want ErrNotFound", name, err)
			}
		}
		if n := k.Running(); n != 1 {
			t.Errorf("%d containers run, want 1", n)
		}
		wantRows(t, k, "running:1")
	})
}

func isFull(err error, reason string) bool {
	full, ok := errors.AsType[*session.FullError](err)
	return ok && strings.Contains(full.Error(), reason)
}

// TestParallelClients lets many clients fight for few slots: each slot goes to
// exactly one of them.
func TestParallelClients(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const clients, slots = 64, 16
		k := servicetest.New(t, db, servicetest.Options{Hosts: 2, Max: slots, Strategy: hosts.Equal})
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := make(map[string]int)
		for i := range clients {
			wg.Go(func() {
				s, _, err := k.Sessions.Allocate(t.Context(), session.Client{IP: fmt.Sprintf("192.0.2.%d", i), UserAgent: "x"}, false)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case isFull(err, "full 16/16"):
					got["full"]++
				case err != nil:
					t.Errorf("client %d: %v", i, err)
				default:
					got[fmt.Sprintf("%s:%d", s.Host, s.Port)]++
				}
			})
		}
		wg.Wait()
		if got["full"] != clients-2*slots || len(got) != 2*slots+1 {
			t.Errorf("places = %v; want %d different ones and %d times full", got, 2*slots, clients-2*slots)
		}
		for i, h := range k.Hosts {
			if n := len(h.Containers()); n != slots {
				t.Errorf("host %d runs %d containers, want %d", i, n, slots)
			}
		}
		wantRows(t, k, "running:32")
	})
}

// TestDecision13ParallelRequests: requests of one client that overlap get one container,
// which one of them started.
func TestDecision13ParallelRequests(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Hosts: 2})
		var wg sync.WaitGroup
		var mu sync.Mutex
		fresh, tokens := 0, make(map[string]bool)
		for range 32 {
			wg.Go(func() {
				s, isFresh, err := k.Sessions.Allocate(t.Context(), amiga, false)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				tokens[s.Token] = true
				if isFresh {
					fresh++
				}
			})
		}
		wg.Wait()
		if fresh != 1 || len(tokens) != 1 || k.Running() != 1 {
			t.Errorf("%d starts, %d tokens, %d containers; want one of each", fresh, len(tokens), k.Running())
		}
	})
}

// TestDecision08Failover: whatever is wrong with the first host or port, the client gets a
// session on the next, and nothing is left behind.
func TestDecision08Failover(t *testing.T) {
	boom := "something is wrong with this engine"
	for _, tt := range []struct {
		name string
		harm func(t *testing.T, k *servicetest.Kit)
		host string
		port int
		left string
	}{
		{"host down", func(t *testing.T, k *servicetest.Kit) { must(t, k.Hosts[0].SetDown(true)) }, "host1", 9090, "running:1"},
		{"image missing", func(_ *testing.T, k *servicetest.Kit) { k.Hosts[0].SetImage(false) }, "host1", 9090, "running:1"},
		{"create fails", func(_ *testing.T, k *servicetest.Kit) { k.Hosts[0].FailNext("create", 500, boom, 1) }, "host1", 9090, "running:1"},
		{"start fails", func(_ *testing.T, k *servicetest.Kit) { k.Hosts[0].FailNext("start", 500, boom, 1) }, "host1", 9090, "running:1"},
		{"port taken", func(t *testing.T, k *servicetest.Kit) { takePorts(t, k, 9090) }, "host0", 9091, "running:1"},
		{"ports taken", func(t *testing.T, k *servicetest.Kit) { takePorts(t, k, 9090, 9091) }, "host0", 9092, "running:1"},
		{"create answer lost", func(_ *testing.T, k *servicetest.Kit) { k.Hosts[0].LoseAnswer("create", 1) }, "host0", 9090, "running:1"},
		{"start answer lost", func(_ *testing.T, k *servicetest.Kit) { k.Hosts[0].LoseAnswer("start", 1) }, "host0", 9090, "running:1"},
		{"create answers always lost", func(_ *testing.T, k *servicetest.Kit) { k.Hosts[0].LoseAnswer("create", 9) }, "host1", 9090, "running:1 stopping:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := servicetest.New(t, databasetest.New(t), servicetest.Options{Hosts: 2})
			tt.harm(t, k)
			s := mustAllocate(t, k, amiga, true)
			if s.Host != tt.host || s.Port != tt.port {
				t.Errorf("session is on %s:%d, want %s:%d", s.Host, s.Port, tt.host, tt.port)
			}
			wantRows(t, k, tt.left)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func takePorts(t *testing.T, k *servicetest.Kit, ports ...int) {
	t.Helper()
	for _, port := range ports {
		release, err := k.Hosts[0].TakePort(port)
		must(t, err)
		t.Cleanup(release)
	}
}

func TestDecision14ContainerDied(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	s := mustAllocate(t, k, amiga, true)
	k.Hosts[0].KillContainer(s.ContainerID)
	if fresh := mustAllocate(t, k, amiga, true); fresh.Token == s.Token {
		t.Error("the session of a dead container was given again")
	}
	wantRows(t, k, "running:1")
}

// TestDecision14Unreachable: unreachable is not gone. The session is kept for a PUT, and
// for the reaper after a DELETE, while the client is free at once.
func TestDecision14Unreachable(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Hosts: 2})
	s := mustAllocate(t, k, amiga, true)
	must(t, k.Hosts[0].SetDown(true))
	start := time.Now()
	if again := mustAllocate(t, k, amiga, false); again.ID != s.ID {
		t.Errorf("Allocate while the host is down = session %d, want %d", again.ID, s.ID)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("Allocate while the host is down took %v", took)
	}
	if err := k.Sessions.Stop(t.Context(), amiga); !errors.Is(err, hosts.ErrUnreachable) {
		t.Errorf("Release while the host is down = %v, want ErrUnreachable", err)
	}
	wantRows(t, k, "stopping:1")
	if err := k.Sessions.Stop(t.Context(), amiga); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("second Release = %v, want ErrNotFound", err)
	}
	if fresh := mustAllocate(t, k, amiga, true); fresh.Host != "host1" {
		t.Errorf("the client got a session on %s, want host1", fresh.Host)
	}
}

// TestDecision15StopWhileStarting: a DELETE overtakes the start, which undoes its work.
func TestDecision15StopWhileStarting(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	k.Hosts[0].SetDelay("start", 300*time.Millisecond)
	result := make(chan error)
	go func() {
		_, _, err := k.Sessions.Allocate(t.Context(), amiga, false)
		result <- err
	}()
	for rows(t, k) != "starting:1" {
		time.Sleep(time.Millisecond) // until the request has come so far
	}
	if err := k.Sessions.Stop(t.Context(), amiga); err != nil {
		t.Errorf("Release of a starting session = %v", err)
	}
	if err := <-result; !errors.Is(err, session.ErrStopped) {
		t.Errorf("Allocate = %v, want ErrStopped", err)
	}
	wantRows(t, k, "")
	if n := len(k.Hosts[0].Containers()); n != 0 {
		t.Errorf("%d containers are left, want none", n)
	}
}

// TestDecision16ClientLeaves: the request's context ends, the start does not.
func TestDecision16ClientLeaves(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, fresh, err := k.Sessions.Allocate(ctx, amiga, false); err != nil || !fresh {
		t.Errorf("Allocate for a client that hung up = %t, %v; want a session", fresh, err)
	}
	wantRows(t, k, "running:1")
}

// TestDecision17Close: a start that is cut off by the end of the process is rolled back.
func TestDecision17Close(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	k.Hosts[0].SetDelay("start", time.Minute)
	result := make(chan error)
	go func() {
		_, _, err := k.Sessions.Allocate(t.Context(), amiga, false)
		result <- err
	}()
	for k.Hosts[0].Requests("start") == 0 {
		time.Sleep(time.Millisecond) // until the container is being started
	}
	k.Sessions.Close()
	if err := <-result; err == nil {
		t.Error("Allocate succeeded, want an error")
	}
	wantRows(t, k, "")
	if n := len(k.Hosts[0].Containers()); n != 0 {
		t.Errorf("%d containers are left, want none", n)
	}
}

func TestTLS(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	if _, _, err := k.Sessions.Allocate(t.Context(), amiga, true); !errors.Is(err, session.ErrNoTLS) {
		t.Errorf("Allocate with TLS and no certificate = %v, want ErrNoTLS", err)
	}
	wantRows(t, k, "")
}
