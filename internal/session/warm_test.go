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
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// mustStartWarm starts a container that waits on host0.
func mustStartWarm(t *testing.T, k *servicetest.Kit, tls bool, enough int) {
	t.Helper()
	k.Pool.AwaitFirstCheck(t.Context())
	if started, err := k.Sessions.StartWarm(t.Context(), "host0", tls, enough); err != nil || !started {
		t.Fatalf("StartWarm = %t, %v; want a container", started, err)
	}
}

// startWarmOn starts the one container that waits on a host.
func startWarmOn(t *testing.T, k *servicetest.Kit, host string) {
	t.Helper()
	k.Pool.AwaitFirstCheck(t.Context())
	if started, err := k.Sessions.StartWarm(t.Context(), host, false, 1); err != nil || !started {
		t.Fatalf("StartWarm on %s = %t, %v; want a container", host, started, err)
	}
}

// warmingUp begins to start a container that waits, and returns the error it ends
// with.
func warmingUp(ctx context.Context, k *servicetest.Kit) <-chan error {
	k.Pool.AwaitFirstCheck(ctx)
	result := make(chan error, 1)
	go func() {
		_, err := k.Sessions.StartWarm(ctx, "host0", false, 1)
		result <- err
	}()
	return result
}

// warmingUpTo is [warmingUp] after which the host holds a request for op.
func warmingUpTo(t *testing.T, k *servicetest.Kit, op string) (result <-chan error, release func()) {
	t.Helper()
	release = hold(k.Hosts[0], op)
	result = warmingUp(t.Context(), k)
	eventually(t, "the host is asked to "+op, func() bool { return k.Hosts[0].Requests(op) > 0 })
	wantRows(t, k, "warming:1")
	return result, release
}

// waiting returns the sessions that wait, oldest first.
func waiting(t *testing.T, k *servicetest.Kit) []session.Session {
	t.Helper()
	list, err := k.Store.Waiting(t.Context())
	must(t, err)
	return list
}

// TestClientGetsWarmContainer: and no other is started.
func TestClientGetsWarmContainer(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{})
		mustStartWarm(t, k, false, 1)
		wantRows(t, k, "warm:1")
		warm := containers(k)
		s := mustAllocate(t, k, amiga, true)
		wantRows(t, k, "running:1")
		if got := containers(k); len(got) != 1 || got[0] != warm[0] || s.ContainerID != warm[0] {
			t.Errorf("containers %q, the session's is %q; want the one that waited, %q", got, s.ContainerID, warm[0])
		}
		if s.ClientIP != amiga.IP || s.UserAgent != amiga.UserAgent || s.LastUsed.Valid {
			t.Errorf("session is of %s %q, used %v; want the client's, not used yet", s.ClientIP, s.UserAgent, s.LastUsed)
		}
		wantServing(t, k, s)
		if code := get(t, k, s, s.Token, "/?url=http://example.com/"); code != http.StatusOK {
			t.Errorf("WRP answers %d to the first page, want 200", code)
		}
		if again := mustAllocate(t, k, amiga, false); again.ID != s.ID {
			t.Errorf("second Allocate = session %d, want %d", again.ID, s.ID)
		}
	})
}

// TestWarmContainerGoesToOneClient: many clients at once, few containers that wait.
func TestWarmContainerGoesToOneClient(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const clients, warm = 12, 4
		k := newKit(t, db, servicetest.Options{Max: clients})
		for range warm {
			mustStartWarm(t, k, false, warm)
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
		wantContainers(t, k, clients)
	})
}

// TestUnfitWarmContainerIsReplaced: one that does not answer is removed and the
// next one taken, else a container started; a host that is down costs one attempt.
func TestUnfitWarmContainerIsReplaced(t *testing.T) {
	pausing := func(t *testing.T, k *servicetest.Kit, id string) {
		must(t, k.Pool.Pause(t.Context(), hosts.Ref{Host: "host0", ID: id}))
	}
	killing := func(_ *testing.T, k *servicetest.Kit, id string) { k.Hosts[0].KillContainer(id) }
	hostDown := func(t *testing.T, k *servicetest.Kit, _ string) { must(t, k.Hosts[0].SetDown(true)) }
	for _, tt := range []struct {
		name    string
		harm    func(t *testing.T, k *servicetest.Kit, id string)
		harmed  int // of two, those that are taken first
		left    string
		running int
	}{
		{"one died", killing, 1, "running:1", 1},
		{"all died", killing, 2, "running:1", 1},
		{"one hangs", pausing, 1, "running:1", 1},
		{"host down", hostDown, 1, "warm:1 running:1 stopping:1", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := newKit(t, databasetest.New(t), servicetest.Options{Hosts: 2})
			k.Sessions.SetPatient(tt.name != "one hangs")
			mustStartWarm(t, k, false, 2)
			mustStartWarm(t, k, false, 2)
			for _, s := range waiting(t, k)[:tt.harmed] {
				tt.harm(t, k, s.ContainerID)
			}
			wantServing(t, k, mustAllocate(t, k, amiga, true))
			wantRows(t, k, tt.left)
			if n := k.Running(); n != tt.running {
				t.Errorf("%d containers run, want %d", n, tt.running)
			}
		})
	}
}

// TestWarmContainerOfAnotherKindIsEvicted: nobody is refused because of what waits
// for others.
func TestWarmContainerOfAnotherKindIsEvicted(t *testing.T) {
	k := newKit(t, databasetest.New(t), withTLS(t, servicetest.Options{}))
	mustStartWarm(t, k, true, 2)
	mustStartWarm(t, k, true, 2)
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
}

// TestSlotOfStoppingWarmContainerIsAwaited: nor because of what is just being
// stopped.
func TestSlotOfStoppingWarmContainerIsAwaited(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{Max: 1, StopTimeout: time.Hour}) // a call may take that long
	mustStartWarm(t, k, false, 1)
	warm := waiting(t, k)[0]
	release := hold(k.Hosts[0], pretend.OpRemove)
	stopped := make(chan error, 1)
	go func() {
		_, err := k.Sessions.StopSession(t.Context(), &warm)
		stopped <- err
	}()
	eventually(t, "the container is being removed", func() bool { return k.Hosts[0].Requests(pretend.OpRemove) > 0 })
	allocated := allocating(t, k.Sessions, amiga)
	awaitStatements(t, k, 12) // more than one attempt has
	release()
	must(t, <-stopped)
	must(t, <-allocated)
	wantRows(t, k, "running:1")
}

// TestWarmUpEndsWithItsPage: and a client that takes it over waits for the
// container, but not for its first page.
func TestWarmUpEndsWithItsPage(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{Max: 1, Pretend: pretend.Config{BrowserStart: time.Hour}})
	ctx, cancel := context.WithCancel(t.Context())
	result := warmingUp(ctx, k)
	eventually(t, "it is warmed up", func() bool { return k.Running() == 1 && rows(t, k) == "warming:1" })
	s := mustAllocate(t, k, amiga, true)
	cancel()
	if err := <-result; err == nil {
		t.Error("StartWarm succeeded before the page was drawn")
	}
	wantRows(t, k, "running:1")
	wantServing(t, k, s) // it was not rolled back with the warm-up
}

// TestWarmUpIsJoined: a client takes over what is still being warmed up, and waits
// until it is created and started.
func TestWarmUpIsJoined(t *testing.T) {
	for _, op := range []string{pretend.OpCreate, pretend.OpStart} {
		t.Run(op, func(t *testing.T) {
			k := newKit(t, databasetest.New(t), servicetest.Options{})
			warmed, release := warmingUpTo(t, k, op)
			allocated := allocating(t, k.Sessions, amiga)
			eventually(t, "it is taken over", func() bool { return rows(t, k) == "starting:1" })
			release()
			must(t, <-warmed)
			must(t, <-allocated)
			wantRows(t, k, "running:1")
			wantContainers(t, k, 1)
			wantServing(t, k, mustAllocate(t, k, amiga, false))
		})
	}
}

// TestJoinedWarmUpMayNeverCreate: the client is given another session. What it took
// over stays for the reaper: that there is no container now proves nothing.
func TestJoinedWarmUpMayNeverCreate(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{})
	k.Sessions.SetCreationLimit(0)
	k.Pool.AwaitFirstCheck(t.Context())
	exec(t, k, `INSERT INTO sessions (clientIp, clientUserAgent, containerHost, slot, port, token, nonce, settings, state, started)
		VALUES ('', '', 'host0', 0, 9090, 't', 'n', ?, 'warming', `+k.DB.Now()+`)`, k.Pool.Settings(hosts.Spec{Ref: hosts.Ref{Host: "host0"}}))
	wantServing(t, k, mustAllocate(t, k, amiga, true))
	wantRows(t, k, "running:1 stopping:1")
	wantContainers(t, k, 1)
}

// TestFailedWarmUpLeavesTakenSession: only the client that took it over may roll
// anything back.
func TestFailedWarmUpLeavesTakenSession(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{})
	warmed, release := warmingUpTo(t, k, pretend.OpCreate)
	exec(t, k, `UPDATE sessions SET state = 'starting'`)
	k.Hosts[0].FailNext(pretend.OpCreate, 500, "no space left on device", 1)
	release()
	if err := <-warmed; err == nil {
		t.Error("StartWarm succeeded, want the engine's error")
	}
	wantRows(t, k, "starting:1")
}

// TestJoinedWarmUpThatIsGivenUpKeepsSlot: a client that took over what is still to
// be created does not get so far. The slot is taken until whoever warms it up has
// removed the container.
func TestJoinedWarmUpThatIsGivenUpKeepsSlot(t *testing.T) {
	for _, tt := range []struct {
		name   string
		giveUp func(k *servicetest.Kit, other *session.Manager) error
	}{
		{"stopped", func(k *servicetest.Kit, _ *session.Manager) error { return k.Sessions.Stop(t.Context(), amiga) }},
		{"shut down", func(_ *servicetest.Kit, other *session.Manager) error { other.Close(); return nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := databasetest.New(t)
			k := newKit(t, db, servicetest.Options{})
			other := servicetest.Open(t, db, k.Config)
			other.Sessions.SetPatient(true)
			warmed, release := warmingUpTo(t, k, pretend.OpCreate)
			joined := allocating(t, other.Sessions, amiga)
			eventually(t, "it is taken over", func() bool { return rows(t, k) == "starting:1" })
			must(t, tt.giveUp(k, other.Sessions))
			if err := <-joined; err == nil {
				t.Error("the client has a session")
			}
			wantRows(t, k, "stopping:1")
			release()
			<-warmed
			wantContainers(t, k, 0)
			wantRows(t, k, "")
		})
	}
}

// TestStartWarmKeepsWithinLimits: never more than enough, whoever races, and none
// where there is no room or the host is drained.
func TestStartWarmKeepsWithinLimits(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Max: 4})
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
		if _, _, err := k.Sessions.Allocate(t.Context(), amiga, false); !isFull(err, "drained") {
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
			t.Errorf("HostStates = %+v, %v; want a host that takes sessions", states, err)
		}
	})
}

// TestFailedStartWarmLeavesNothing: nor does one that is cut off.
func TestFailedStartWarmLeavesNothing(t *testing.T) {
	t.Run("start", func(t *testing.T) {
		k := newKit(t, databasetest.New(t), servicetest.Options{})
		k.Pool.AwaitFirstCheck(t.Context())
		k.Hosts[0].FailNext(pretend.OpStart, 500, "out of memory", 1)
		if started, err := k.Sessions.StartWarm(t.Context(), "host0", false, 1); started || err == nil {
			t.Errorf("StartWarm = %t, %v; want an error", started, err)
		}
		wantRows(t, k, "")
	})
	t.Run("closed", func(t *testing.T) {
		k := newKit(t, databasetest.New(t), servicetest.Options{})
		warmed, _ := warmingUpTo(t, k, pretend.OpStart)
		k.Sessions.Close()
		if err := <-warmed; err == nil {
			t.Error("StartWarm succeeded, want an error")
		}
		wantRows(t, k, "")
		wantContainers(t, k, 0)
	})
	t.Run("unknown host", func(t *testing.T) {
		k := newKit(t, databasetest.New(t), servicetest.Options{})
		if _, err := k.Sessions.StartWarm(t.Context(), "nowhere", false, 1); !errors.Is(err, hosts.ErrUnknownHost) {
			t.Errorf("StartWarm = %v, want ErrUnknownHost", err)
		}
		wantRows(t, k, "")
	})
}

func TestStartWarmAvoidsForeignPorts(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{Max: 4})
	takePorts(t, k, 9090, 9091)
	mustStartWarm(t, k, false, 1)
	if s := mustAllocate(t, k, amiga, true); s.Port != 9092 {
		t.Errorf("the container waited on port %d, want 9092", s.Port)
	}
	wantRows(t, k, "running:1")
}
