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
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// mustPrepare prepares a container that waits on host0.
func mustPrepare(t *testing.T, k *servicetest.Kit, tls bool, enough int) {
	t.Helper()
	k.Pool.AwaitFirstCheck(t.Context())
	if done, err := k.Sessions.StartWarm(t.Context(), "host0", tls, enough); err != nil || !done {
		t.Fatalf("Prepare = %t, %v; want a container", done, err)
	}
}

func containers(k *servicetest.Kit) (ids []string) {
	for _, h := range k.Hosts {
		for _, c := range h.Containers() {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// withTLS returns options for hosts that have a certificate.
func withTLS(t *testing.T, opt servicetest.Options) servicetest.Options {
	t.Helper()
	cert, key := hoststest.Certificate(t)
	opt.TLS = &hosts.TLSFiles{Cert: cert, Key: key}
	return opt
}

// TestDecision35Take: a client gets the container that waits, whose browser is
// up, and no other is started.
func TestDecision35Take(t *testing.T) {
	const browser = 1500 * time.Millisecond
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Pretend: pretend.Config{BrowserStart: browser}})
		mustPrepare(t, k, false, 1)
		wantRows(t, k, "warm:1")
		waiting := containers(k)
		s := mustAllocate(t, k, amiga, true)
		wantRows(t, k, "running:1")
		if got := containers(k); len(got) != 1 || got[0] != waiting[0] || s.ContainerID != waiting[0] {
			t.Errorf("containers %q, the session's is %q; want the one that waited, %q", got, s.ContainerID, waiting[0])
		}
		if s.ClientIP != amiga.IP || s.UserAgent != amiga.UserAgent || s.LastUsed.Valid {
			t.Errorf("session is of %s %q, used %v; want the client's, not used yet", s.ClientIP, s.UserAgent, s.LastUsed)
		}
		began := time.Now()
		if code := get(t, k, s, s.Token); code != http.StatusOK {
			t.Errorf("WRP answers %d, want 200", code)
		}
		h, err := k.Pool.Host(s.Host)
		must(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://%s:%d/?url=http://example.com/", h.Address, s.Port), http.NoBody)
		must(t, err)
		req.Header.Set("Bearer", s.Token)
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		resp.Body.Close()
		if took := time.Since(began); took > browser/2 {
			t.Errorf("the first page took %v: the browser was started for it", took)
		}
		if again := mustAllocate(t, k, amiga, false); again.ID != s.ID {
			t.Errorf("second Allocate = session %d, want %d", again.ID, s.ID)
		}
	})
}

// TestDecision35OneWinner: many clients at once, few containers that wait.
func TestDecision35OneWinner(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const clients, waiting = 12, 4
		k := servicetest.New(t, db, servicetest.Options{Max: clients})
		for range waiting {
			mustPrepare(t, k, false, waiting)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		seen := make(map[string]bool)
		for i := range clients {
			wg.Go(func() {
				s, _, err := k.Sessions.Allocate(t.Context(), session.Client{IP: fmt.Sprintf("192.0.2.%d", i), UserAgent: "AmiFox"}, false)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if seen[s.ContainerID] {
					t.Errorf("container %s was given to two clients", s.ContainerID)
				}
				seen[s.ContainerID] = true
			})
		}
		wg.Wait()
		wantRows(t, k, fmt.Sprintf("running:%d", clients))
		if n := len(containers(k)); n != clients {
			t.Errorf("%d containers run, want %d", n, clients)
		}
	})
}

// TestDecision35Checked: what does not answer is thrown away and the next one
// taken, else a container started; a host that is down costs no more than one
// attempt.
func TestDecision35Checked(t *testing.T) {
	pausing := func(t *testing.T, k *servicetest.Kit, id string) {
		must(t, k.Pool.Pause(t.Context(), hosts.Ref{Host: "host0", ID: id}))
	}
	killing := func(_ *testing.T, k *servicetest.Kit, id string) { k.Hosts[0].KillContainer(id) }
	hostDown := func(t *testing.T, k *servicetest.Kit, _ string) { must(t, k.Hosts[0].SetDown(true)) }
	for _, tt := range []struct {
		name    string
		harm    func(t *testing.T, k *servicetest.Kit, id string)
		harmed  int
		left    string
		running int
	}{
		{"one died", killing, 1, "running:1", 1},
		{"all died", killing, 2, "running:1", 1},
		{"one hangs", pausing, 1, "running:1", 1},
		{"host down", hostDown, 1, "warm:1 running:1 stopping:1", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := servicetest.New(t, databasetest.New(t), servicetest.Options{Hosts: 2})
			mustPrepare(t, k, false, 2)
			mustPrepare(t, k, false, 2)
			for _, id := range containers(k)[:tt.harmed] {
				tt.harm(t, k, id)
			}
			s := mustAllocate(t, k, amiga, true)
			if code := get(t, k, s, s.Token); code != http.StatusOK {
				t.Errorf("WRP answers %d, want 200", code)
			}
			if tt.name == "one died" || tt.name == "one hangs" {
				tt.left = "running:1"
				if k.Running() == 2 {
					tt.left, tt.running = "warm:1 running:1", 2 // the good one was first
				}
			}
			wantRows(t, k, tt.left)
			if n := k.Running(); n != tt.running {
				t.Errorf("%d containers run, want %d", n, tt.running)
			}
		})
	}
}

// TestDecision35RealDemandFirst: nobody is refused because of what waits for
// others, be it of the wrong kind or just being ended.
func TestDecision35RealDemandFirst(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), withTLS(t, servicetest.Options{}))
	mustPrepare(t, k, true, 2)
	mustPrepare(t, k, true, 2)
	wantRows(t, k, "warm:2")
	if s := mustAllocate(t, k, amiga, true); s.TLS {
		t.Error("a plain client got a TLS session")
	}
	wantRows(t, k, "warm:1 running:1")
	s, _, err := k.Sessions.Allocate(t.Context(), atari, true)
	if err != nil || !s.TLS {
		t.Errorf("Allocate with TLS = %+v, %v; want what waited for it", s, err)
	}
	wantRows(t, k, "running:2")
	if _, _, err := k.Sessions.Allocate(t.Context(), st, false); !isFull(err, "full 2/2") {
		t.Errorf("Allocate on a full host = %v, want a FullError", err)
	}
	must(t, k.Sessions.Stop(t.Context(), amiga))
	mustPrepare(t, k, false, 1)
	k.Hosts[0].SetDelay("remove", 300*time.Millisecond)
	ending := make(chan error)
	go func() {
		waiting, err := k.Store.Waiting(t.Context())
		if err == nil {
			_, err = k.Sessions.StopSession(t.Context(), &waiting[0])
		}
		ending <- err
	}()
	eventually(t, "one is being ended", func() bool { return k.Hosts[0].Requests("remove") > 2 })
	mustAllocate(t, k, amiga, true)
	must(t, <-ending)
	wantRows(t, k, "running:2")
}

// preparing begins to prepare a container, and returns its end.
func preparing(ctx context.Context, k *servicetest.Kit) <-chan error {
	result := make(chan error, 1)
	go func() {
		_, err := k.Sessions.StartWarm(ctx, "host0", false, 1)
		result <- err
	}()
	return result
}

// TestDecision35Joined: a client takes over what is still being prepared, and
// waits for the container but not for its first page.
func TestDecision35Joined(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Max: 1, Pretend: pretend.Config{BrowserStart: time.Hour}})
	k.Pool.AwaitFirstCheck(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	result := preparing(ctx, k)
	eventually(t, "it is heated", func() bool { return k.Running() == 1 && rows(t, k) == "warming:1" })
	s := mustAllocate(t, k, amiga, true)
	cancel()
	if err := <-result; err == nil {
		t.Error("Prepare succeeded before the page was drawn")
	}
	wantRows(t, k, "running:1")
	if code := get(t, k, s, s.Token); code != http.StatusOK {
		t.Errorf("WRP answers %d, want 200: whoever prepared it has ended it", code)
	}
}

// TestDecision35JoinedEarly: the same before the container is there, and when it
// never comes.
func TestDecision35JoinedEarly(t *testing.T) {
	for _, tt := range []struct {
		name string
		harm func(h *pretend.Host)
		left string
	}{
		{"creating", func(h *pretend.Host) { h.SetDelay("create", 300*time.Millisecond) }, "running:1"},
		{"starting", func(h *pretend.Host) { h.SetDelay("start", 300*time.Millisecond) }, "running:1"},
		{"create fails", func(h *pretend.Host) {
			h.SetDelay("create", 300*time.Millisecond)
			h.FailNext("create", 500, "no space left on device", 1)
		}, "running:1 stopping:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := watching(t, databasetest.New(t), servicetest.Options{})
			k.Pool.AwaitFirstCheck(t.Context())
			tt.harm(k.Hosts[0])
			result := preparing(t.Context(), k)
			eventually(t, "it is being prepared", func() bool { return rows(t, k) == "warming:1" })
			// An engine that refused a start is put aside for a moment.
			var s *session.Session
			eventually(t, "the client has a session", func() bool {
				var err error
				s, _, err = k.Sessions.Allocate(t.Context(), amiga, false)
				return err == nil
			})
			if err := <-result; (err != nil) != (tt.name == "create fails") {
				t.Errorf("Prepare = %v", err)
			}
			if code := get(t, k, s, s.Token); code != http.StatusOK {
				t.Errorf("WRP answers %d, want 200", code)
			}
			wantRows(t, k, tt.left)
			if n := len(containers(k)); n != 1 {
				t.Errorf("%d containers are there, want 1", n)
			}
		})
	}
}

// TestDecision35JoinedInVain: a client that took over what is still to be created
// does not get so far. The slot is taken until whoever prepares it has ended it.
func TestDecision35JoinedInVain(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(k *servicetest.Kit, other *session.Manager) error
	}{
		{"stopped", func(k *servicetest.Kit, _ *session.Manager) error { return k.Sessions.Stop(t.Context(), amiga) }},
		{"shut down", func(_ *servicetest.Kit, other *session.Manager) error { other.Close(); return nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := databasetest.New(t)
			k := watching(t, db, servicetest.Options{})
			other := servicetest.Open(t, db, servicetest.Configure(t, k.Hosts, servicetest.Options{}))
			k.Pool.AwaitFirstCheck(t.Context())
			other.Pool.AwaitFirstCheck(t.Context())
			k.Hosts[0].SetDelay("create", time.Second)
			prepared := preparing(t.Context(), k)
			eventually(t, "it is being prepared", func() bool { return rows(t, k) == "warming:1" })
			joined := make(chan error)
			go func() {
				_, _, err := other.Sessions.Allocate(t.Context(), amiga, false)
				joined <- err
			}()
			eventually(t, "it is taken over", func() bool { return rows(t, k) == "starting:1" })
			must(t, tt.end(k, other.Sessions))
			if err := <-joined; err == nil {
				t.Error("the client has a session")
			}
			wantRows(t, k, "stopping:1")
			<-prepared
			if n := len(containers(k)); n != 0 {
				t.Errorf("%d containers are left, want none", n)
			}
			wantRows(t, k, "")
		})
	}
}

// TestPrepareLimits: never more than enough, whoever races, and none where there
// is no room or the host is drained.
func TestPrepareLimits(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Max: 4})
		k.Pool.AwaitFirstCheck(t.Context())
		race := func(enough int) {
			var wg sync.WaitGroup
			for range 6 {
				wg.Go(func() {
					if _, err := k.Sessions.StartWarm(t.Context(), "host0", false, enough); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		race(2)
		wantRows(t, k, "warm:2")
		must(t, k.Store.Drain(t.Context(), "host0", ""))
		race(9)
		wantRows(t, k, "warm:2")
		if _, _, err := k.Sessions.Allocate(t.Context(), amiga, false); !isFull(err, "draining") {
			t.Errorf("Allocate on a drained host = %v, want a FullError", err)
		}
		_, err := k.Store.Undrain(t.Context(), "host0")
		must(t, err)
		race(9)
		wantRows(t, k, "warm:4")
		counts, err := k.Sessions.Counts(t.Context())
		if err != nil || counts.Sessions != 0 || counts.Containers != 4 || counts.Remaining != 4 {
			t.Errorf("Counts = %+v, %v; want no sessions, 4 containers, 4 to be had", counts, err)
		}
		states, err := k.Sessions.HostStates(t.Context())
		if err != nil || states[0].Used != 0 || states[0].Warm != 4 || states[0].Why != "" {
			t.Errorf("States = %+v, %v; want a host that takes sessions", states, err)
		}
	})
}

// TestPrepareFails: what fails or is cut off leaves nothing.
func TestPrepareFails(t *testing.T) {
	t.Run("start", func(t *testing.T) {
		k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
		k.Pool.AwaitFirstCheck(t.Context())
		k.Hosts[0].FailNext("start", 500, "out of memory", 1)
		if done, err := k.Sessions.StartWarm(t.Context(), "host0", false, 1); done || err == nil {
			t.Errorf("Prepare = %t, %v; want an error", done, err)
		}
		wantRows(t, k, "")
	})
	t.Run("ports taken", func(t *testing.T) {
		k := servicetest.New(t, databasetest.New(t), servicetest.Options{Max: 4})
		takePorts(t, k, 9090, 9091)
		mustPrepare(t, k, false, 1)
		if s := mustAllocate(t, k, amiga, true); s.Port != 9092 {
			t.Errorf("the container waited on port %d, want 9092", s.Port)
		}
		wantRows(t, k, "running:1")
	})
	t.Run("closed", func(t *testing.T) {
		k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
		k.Pool.AwaitFirstCheck(t.Context())
		k.Hosts[0].SetDelay("start", time.Minute)
		result := preparing(t.Context(), k)
		eventually(t, "it is being started", func() bool { return k.Hosts[0].Requests("start") > 0 })
		k.Sessions.Close()
		if err := <-result; err == nil {
			t.Error("Prepare succeeded, want an error")
		}
		wantRows(t, k, "")
		if n := len(containers(k)); n != 0 {
			t.Errorf("%d containers are left, want none", n)
		}
	})
	t.Run("unknown host", func(t *testing.T) {
		k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
		if _, err := k.Sessions.StartWarm(t.Context(), "nowhere", false, 1); !errors.Is(err, hosts.ErrUnknownHost) {
			t.Errorf("Prepare = %v, want ErrUnknownHost", err)
		}
	})
}

// TestWaitingEndsByItself: a container that dies while it waits is noticed.
func TestWaitingEndsByItself(t *testing.T) {
	k := watching(t, databasetest.New(t), servicetest.Options{})
	mustPrepare(t, k, false, 1)
	k.Hosts[0].KillContainer(containers(k)[0])
	eventually(t, "no row", func() bool { return rows(t, k) == "" })
	eventually(t, "no container", func() bool { return len(containers(k)) == 0 })
}
