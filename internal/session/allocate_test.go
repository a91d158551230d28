package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestSessionBelongsToItsClient: it is started, given again, touched and stopped,
// and is no other client's.
func TestSessionBelongsToItsClient(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{})
		s := mustAllocate(t, k, amiga, true)
		wantServing(t, k, s)
		if got := get(t, k, s, "", "/"); got != http.StatusUnauthorized {
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
		must(t, k.Sessions.Touch(t.Context(), amiga))
		must(t, k.Sessions.Stop(t.Context(), amiga))
		for name, err := range map[string]error{
			"Stop": k.Sessions.Stop(t.Context(), amiga), "Touch": k.Sessions.Touch(t.Context(), amiga),
		} {
			if !errors.Is(err, session.ErrNotFound) {
				t.Errorf("%s of a stopped session = %v, want ErrNotFound", name, err)
			}
		}
		if n := k.Running(); n != 1 {
			t.Errorf("%d containers run, want 1", n)
		}
		wantRows(t, k, "running:1")
	})
}

// TestEachSlotGoesToOneClient lets many clients fight for few slots.
func TestEachSlotGoesToOneClient(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const clients, slots = 64, 16
		k := newKit(t, db, servicetest.Options{Hosts: 2, Max: slots, Strategy: hosts.Equal})
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
				t.Errorf("host %d has %d containers, want %d", i, n, slots)
			}
		}
		wantRows(t, k, "running:32")
	})
}

// TestParallelRequestsOfOneClientShareASession: they get one container, which one
// of them started.
func TestParallelRequestsOfOneClientShareASession(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Hosts: 2})
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

// TestAllocateWaitsForOtherStart: a request that finds its client's session being
// started by another one waits for it, takes over when it is given up, and starts
// itself when it failed.
func TestAllocateWaitsForOtherStart(t *testing.T) {
	for _, tt := range []struct {
		name  string
		then  string // what becomes of the other start
		fresh bool
	}{
		{"runs", `UPDATE sessions SET state = 'running'`, false},
		{"fails", `DELETE FROM sessions`, true},
		{"is too old", `UPDATE sessions SET started = '2001-01-01 00:00:00'`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := newKit(t, databasetest.New(t), servicetest.Options{})
			mustAllocate(t, k, amiga, true)
			exec(t, k, `UPDATE sessions SET state = 'starting'`)
			done := make(chan struct{})
			go func() {
				defer close(done)
				s, fresh, err := k.Sessions.Allocate(t.Context(), amiga, false)
				if err != nil || fresh != tt.fresh || s.State != session.Running {
					t.Errorf("Allocate = %+v, fresh = %t, %v; want one that runs, fresh = %t", s, fresh, err, tt.fresh)
				}
			}()
			awaitStatements(t, k, 2) // it looked, and looks again
			exec(t, k, tt.then)
			<-done
		})
	}
}

// TestClaimNeverExceedsLimit: whatever rows above a lowered limit are still there.
func TestClaimNeverExceedsLimit(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Max: 2})
		mustAllocate(t, k, amiga, true)
		exec(t, k, `UPDATE sessions SET slot = 7, port = 9097`) // from when the limit was higher
		if s := mustAllocate(t, k, atari, true); s.Slot >= 2 {
			t.Errorf("slot = %d, want one below the limit", s.Slot)
		}
		if _, _, err := k.Sessions.Allocate(t.Context(), st, false); !isFull(err, "full 2/2") {
			t.Errorf("Allocate = %v, want full: rows count in whatever slot", err)
		}
	})
}

func TestDeadContainerIsReplaced(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{})
	s := mustAllocate(t, k, amiga, true)
	k.Hosts[0].KillContainer(s.ContainerID)
	if fresh := mustAllocate(t, k, amiga, true); fresh.Token == s.Token {
		t.Error("the session of a dead container was given again")
	}
	wantRows(t, k, "running:1")
}

// TestUnreachableIsNotGone: the session is kept for a PUT, and for the reaper after
// a DELETE, while the client is free at once.
func TestUnreachableIsNotGone(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{Hosts: 2})
	s := mustAllocate(t, k, amiga, true)
	must(t, k.Hosts[0].SetDown(true))
	if again := mustAllocate(t, k, amiga, false); again.ID != s.ID {
		t.Errorf("Allocate while the host is down = session %d, want %d", again.ID, s.ID)
	}
	if err := k.Sessions.Stop(t.Context(), amiga); !errors.Is(err, hosts.ErrUnreachable) {
		t.Errorf("Stop while the host is down = %v, want ErrUnreachable", err)
	}
	wantRows(t, k, "stopping:1")
	if err := k.Sessions.Stop(t.Context(), amiga); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("second Stop = %v, want ErrNotFound", err)
	}
	if fresh := mustAllocate(t, k, amiga, true); fresh.Host != "host1" {
		t.Errorf("the client got a session on %s, want host1", fresh.Host)
	}
}

// TestAllocateLeavesHungHost: a client that has a session is not kept waiting by a
// host that does not answer, however long a call may take.
func TestAllocateLeavesHungHost(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{StopTimeout: time.Hour}) // a call may take that long
	k.Sessions.SetPatient(false)
	mustAllocate(t, k, amiga, true)
	hold(k.Hosts[0], pretend.OpInspect)
	allocated := allocating(t, k.Sessions, amiga)
	eventually(t, "Allocate returns", func() bool { return len(allocated) > 0 })
	must(t, <-allocated)
	wantRows(t, k, "running:1")
}

func TestTLSNeedsACertificate(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{})
	if _, _, err := k.Sessions.Allocate(t.Context(), amiga, true); !errors.Is(err, session.ErrNoTLS) {
		t.Errorf("Allocate with TLS and no certificate = %v, want ErrNoTLS", err)
	}
	wantRows(t, k, "")
}

// TestTLSAvoidsHostWithoutFiles: missing certificate files keep TLS from that host,
// and nobody else; if no host is left, the client is told so.
func TestTLSAvoidsHostWithoutFiles(t *testing.T) {
	list := servicetest.StartHosts(t, 2, pretend.Config{})
	cfg := servicetest.Configure(t, list, withTLS(t, servicetest.Options{}))
	missing := &hosts.TLSFiles{Cert: "/nowhere.crt", Key: "/nowhere.key"}
	cfg.Hosts[0].TLS = missing
	svc := servicetest.Open(t, databasetest.New(t), cfg)
	svc.Pool.CheckHealth(t.Context())
	asked := list[0].Requests(pretend.OpCreate)
	for _, tt := range []struct {
		client session.Client
		tls    bool
		want   int
	}{{amiga, true, 1}, {atari, false, 0}} {
		s, _, err := svc.Sessions.Allocate(t.Context(), tt.client, tt.tls)
		if err != nil || s.Host != cfg.Hosts[tt.want].Name {
			t.Errorf("Allocate, TLS %t = %+v, %v; want host %d", tt.tls, s, err, tt.want)
		}
	}
	if n := list[0].Requests(pretend.OpCreate) - asked; n != 1 {
		t.Errorf("%d creates on the host without files, want the plain one", n)
	}
	cfg.Hosts[1].TLS = missing
	svc = servicetest.Open(t, databasetest.New(t), cfg)
	if _, _, err := svc.Sessions.Allocate(t.Context(), amiga, true); !errors.Is(err, session.ErrNoTLS) {
		t.Errorf("Allocate with TLS and no certificate files = %v, want ErrNoTLS", err)
	}
	for _, st := range svc.Pool.Status() {
		if st.State != hosts.Up {
			t.Errorf("status = %+v, want up", st)
		}
	}
}

// TestFailover: whatever is wrong with the first host or port, the client gets a
// session on the next, and nothing is left behind.
func TestFailover(t *testing.T) {
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
		{"create answer lost, and what has the name then", func(_ *testing.T, k *servicetest.Kit) {
			k.Hosts[0].LoseAnswer("create", 1)
			k.Hosts[0].LoseAnswer("inspect", 9)
		}, "host1", 9090, "running:1 stopping:1"},
		{"start answer lost", func(_ *testing.T, k *servicetest.Kit) { k.Hosts[0].LoseAnswer("start", 1) }, "host0", 9090, "running:1"},
		{"create answers always lost", func(_ *testing.T, k *servicetest.Kit) { k.Hosts[0].LoseAnswer("create", 9) }, "host1", 9090, "running:1 stopping:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := newKit(t, databasetest.New(t), servicetest.Options{Hosts: 2})
			tt.harm(t, k)
			s := mustAllocate(t, k, amiga, true)
			if s.Host != tt.host || s.Port != tt.port {
				t.Errorf("session is on %s:%d, want %s:%d", s.Host, s.Port, tt.host, tt.port)
			}
			wantRows(t, k, tt.left)
		})
	}
}

// TestStartOutlivesRequest: the request's context ends, the start does not.
func TestStartOutlivesRequest(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, fresh, err := k.Sessions.Allocate(ctx, amiga, false); err != nil || !fresh {
		t.Errorf("Allocate for a client that hung up = %t, %v; want a session", fresh, err)
	}
	wantRows(t, k, "running:1")
}

// TestCloseRollsStartsBack: a start that is cut off by the end of the process.
func TestCloseRollsStartsBack(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{})
	hold(k.Hosts[0], pretend.OpStart)
	allocated := allocating(t, k.Sessions, amiga)
	eventually(t, "the container is being started", func() bool { return k.Hosts[0].Requests(pretend.OpStart) > 0 })
	k.Sessions.Close()
	if err := <-allocated; err == nil {
		t.Error("Allocate succeeded, want an error")
	}
	wantRows(t, k, "")
	wantContainers(t, k, 0)
}

// TestAdoptedSessionWorks: a session of the PHP program has no token, no label
// and another name.
func TestAdoptedSessionWorks(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{})
	adopt := func() *session.Session {
		c, err := k.Hosts[0].ForeignContainer("wrp_session_1", nil, 9090)
		must(t, err)
		exec(t, k, `INSERT INTO sessions (clientIp, clientUserAgent, identity, wrpContainerId, containerHost, slot, port, state, started)
			VALUES (?, ?, ?, ?, 'host0', 0, 9090, 'running', `+k.DB.Now()+`)`, amiga.IP, amiga.UserAgent, database.Identity(amiga.IP, amiga.UserAgent), c.ID)
		return mustAllocate(t, k, amiga, false)
	}
	if s := adopt(); s.Token != "" || s.Port != 9090 {
		t.Errorf("session = %+v, want no token and port 9090", s)
	}
	if r, err := k.Reaper.Reconcile(t.Context(), reaper.Options{Idle: time.Hour}); err != nil || r.Stopped != 0 {
		t.Errorf("a pass stopped it: %+v, %v", r, err)
	}
	must(t, k.Sessions.Stop(t.Context(), amiga))
	wantContainers(t, k, 0)
	s := adopt()
	k.Hosts[0].KillContainer(s.ContainerID)
	wantServing(t, k, mustAllocate(t, k, amiga, true))
}
