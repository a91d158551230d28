package gateway_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestUnusedSessionIsFrozenUntilUsed: not sooner than configured, and the request
// that unfreezes it does not wait for a check of its container.
func TestUnusedSessionIsFrozenUntilUsed(t *testing.T) {
	cfg := gateway.Config{FreezeAfter: time.Minute}
	simulate(t, cfg, echo, func(t *testing.T, s *simulation) {
		run(t, s.gw)
		for range 3 {
			used := time.Now()
			wants(t, "a page", s.get(t, "/", s.token).StatusCode, 200)
			if took := time.Since(used); took > 0 || s.sessions.frozen(1) {
				t.Errorf("a page took %v, frozen %t; want no wait, and the session unfrozen", took, s.sessions.frozen(1))
			}
			for !s.sessions.frozen(1) {
				time.Sleep(100 * time.Millisecond)
			}
			if after := time.Since(used); after < time.Minute || after > time.Minute+10*time.Second {
				t.Errorf("frozen %v after its last use, want a minute and not much more", after)
			}
			time.Sleep(10 * time.Minute) // in which nothing counts as use
			if !s.sessions.frozen(1) {
				t.Error("unfrozen without use")
			}
		}
	})
}

// TestFrozenSessionIsUnfrozenAtOnce: though its use was written down less than an
// interval ago.
func TestFrozenSessionIsUnfrozenAtOnce(t *testing.T) {
	cfg := gateway.Config{Interval: 15 * time.Second, FreezeAfter: time.Minute}
	simulate(t, cfg, echo, func(t *testing.T, s *simulation) {
		run(t, s.gw)
		wants(t, "a page", s.get(t, "/", s.token).StatusCode, 200)
		s.sessions.age(1)
		time.Sleep(10 * time.Second)
		if !s.sessions.frozen(1) {
			t.Error("not frozen")
		}
		used := time.Now()
		wants(t, "a page", s.get(t, "/", s.token).StatusCode, 200)
		if took := time.Since(used); took > 0 || s.sessions.frozen(1) {
			t.Errorf("a page took %v, frozen %t; want no wait, and the session unfrozen", took, s.sessions.frozen(1))
		}
	})
}

// TestSessionInUseIsNotFrozen: a request that lasts keeps its session unfrozen, here
// and in another replica.
func TestSessionInUseIsNotFrozen(t *testing.T) {
	end := make(chan struct{})
	cfg := gateway.Config{FreezeAfter: time.Minute}
	simulate(t, cfg, func(http.ResponseWriter, *http.Request) { <-end }, func(t *testing.T, s *simulation) {
		end = make(chan struct{})
		run(t, s.gw)
		run(t, newSimulation(t, cfg, s.sessions).gw)
		under := s.begin(t, "/")
		time.Sleep(4 * time.Minute)
		if n := s.container.paused(); n > 0 {
			t.Errorf("paused %d times under a request", n)
		}
		close(end)
		wants(t, "the request", (<-under).StatusCode, 200)
		time.Sleep(2 * time.Minute)
		if !s.sessions.frozen(1) {
			t.Error("not frozen after the request")
		}
	})
}

// TestExchangeUnfreezesItsSession: what looks unused is not frozen here while a
// request is under way, and is unfrozen if another process froze it.
func TestExchangeUnfreezesItsSession(t *testing.T) {
	end := make(chan struct{})
	cfg := gateway.Config{Interval: 15 * time.Second, FreezeAfter: time.Minute}
	simulate(t, cfg, func(http.ResponseWriter, *http.Request) { <-end }, func(t *testing.T, s *simulation) {
		end = make(chan struct{})
		run(t, s.gw)
		under := s.begin(t, "/")
		s.sessions.age(1)
		time.Sleep(10 * time.Second)
		if n := s.container.paused(); n > 0 {
			t.Errorf("paused %d times under a request", n)
		}
		s.sessions.freeze(1)
		time.Sleep(20 * time.Second)
		if s.sessions.frozen(1) {
			t.Error("frozen under a request")
		}
		close(end)
		wants(t, "the request", (<-under).StatusCode, 200)
	})
}

// TestNothingIsFrozenByDefault: only if that is wanted.
func TestNothingIsFrozenByDefault(t *testing.T) {
	simulate(t, gateway.Config{}, echo, func(t *testing.T, s *simulation) {
		run(t, s.gw)
		time.Sleep(time.Hour)
		if n := s.container.paused(); n > 0 {
			t.Errorf("paused %d times", n)
		}
	})
}

// TestFrozenContainerGoesOnAsItWas: who is not there for a while gets the container
// unpaused, and can stop it while it is paused.
func TestFrozenContainerGoesOnAsItWas(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{Config: gateway.Config{Interval: 10 * time.Millisecond, FreezeAfter: time.Millisecond}})
	s := allocate(t, b.Kit, amiga)
	frozen := func() bool {
		b.age(t)
		return state(t, b.Kit, s.ID) == "running frozen=true"
	}
	for range 3 {
		eventually(t, "frozen", frozen)
		wants(t, "a page of a frozen session", b.get(t, "/", s.Token), 200)
	}
	if paused, unpaused := b.Hosts[0].Requests(pretend.OpPause), b.Hosts[0].Requests(pretend.OpUnpause); paused < 3 || unpaused < 3 {
		t.Errorf("paused %d times, unpaused %d times; want each time", paused, unpaused)
	}
	eventually(t, "frozen", frozen)
	must(t, b.Sessions.Stop(t.Context(), amiga))
	wants(t, "stopped while it was frozen", b.get(t, "/", s.Token), 410)
	if b.Running() != 0 {
		t.Error("the container goes on")
	}
}

// TestFreezingHangsNoRequest: sessions are said to be idle all the time, and two
// replicas freeze them while clients use them.
func TestFreezingHangsNoRequest(t *testing.T) {
	t.Parallel()
	const pauses, rounds = 6, 20
	cfg := gateway.Config{Interval: 10 * time.Millisecond, FreezeAfter: 20 * time.Millisecond}
	one := newBench(t, databasetest.New(t), options{Config: cfg})
	two := openBench(t, &servicetest.Kit{Service: servicetest.Open(t, one.DB, one.Config), Hosts: one.Hosts, Config: one.Config}, options{Config: cfg})
	list := []*session.Session{allocate(t, one.Kit, amiga), allocate(t, one.Kit, session.Client{IP: "192.0.2.2", UserAgent: "x"})}
	ctx, stop := context.WithCancel(t.Context())
	var aging, clients sync.WaitGroup
	aging.Go(func() {
		for ctx.Err() == nil {
			_, _ = one.DB.ExecContext(ctx, longUnused)
			_ = clock.Sleep(ctx, time.Duration(rand.IntN(20))*time.Millisecond)
		}
	})
	var failed atomic.Bool
	enough := func(round int) bool {
		return failed.Load() || round >= rounds && one.Hosts[0].Requests(pretend.OpPause) >= pauses
	}
	for i := range 8 {
		clients.Go(func() {
			b, s := []*bench{one, two}[i%2], list[i/2%2]
			for round := 0; !enough(round); round++ {
				a, err := try(t, "GET", fmt.Sprintf("%s/img/big?bytes=%d", b.url, rand.IntN(20000)), "Bearer: "+s.Token)
				if err != nil || a.StatusCode != 200 {
					t.Errorf("session %d: %d %q, %v", s.ID, a.StatusCode, a.body, err)
					failed.Store(true)
				}
				_ = clock.Sleep(ctx, time.Duration(rand.IntN(60))*time.Millisecond)
			}
		})
	}
	clients.Wait()
	stop()
	aging.Wait()
}

// TestFrozenSessionIsUnfrozenWhileDatabaseIsAway: its row is corrected at the first
// use after that.
func TestFrozenSessionIsUnfrozenWhileDatabaseIsAway(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{Config: gateway.Config{Interval: 200 * time.Millisecond, StallTimeout: 20 * time.Second}})
	s := allocate(t, b.Kit, amiga)
	wants(t, "a page", b.get(t, "/", s.Token), 200)
	eventually(t, "frozen", func() bool {
		b.age(t) // again, if the end of the request was written down as use meanwhile
		frozen, err := b.Sessions.Freeze(t.Context(), s, time.Minute)
		must(t, err)
		return frozen
	})
	_, err := b.DB.ExecContext(t.Context(), `ALTER TABLE sessions RENAME TO away`)
	must(t, err)
	for range 3 {
		wants(t, "a page while the database is away", b.get(t, "/", s.Token), 200)
	}
	_, err = b.DB.ExecContext(t.Context(), `ALTER TABLE away RENAME TO sessions`)
	must(t, err)
	eventually(t, "the row says that it is not frozen", func() bool {
		return b.get(t, "/", s.Token) == 200 && state(t, b.Kit, s.ID) == "running frozen=false"
	})
}

// TestFrozenSessionIsLookedAtAtOnce: if the database cannot say whether it is frozen.
func TestFrozenSessionIsLookedAtAtOnce(t *testing.T) {
	simulate(t, gateway.Config{}, echo, func(t *testing.T, s *simulation) {
		wants(t, "a page", s.get(t, "/", s.token).StatusCode, 200)
		time.Sleep(time.Hour)
		s.sessions.freeze(1)
		s.sessions.setDown(true)
		s.sessions.repair = func(context.Context, func()) error {
			s.container.unpause()
			return errDown
		}
		begin := time.Now()
		wants(t, "a page while the database is away", s.get(t, "/", s.token).StatusCode, 200)
		if took := time.Since(begin); took > 0 {
			t.Errorf("it took %v", took)
		}
		s.sessions.setDown(false)
		time.Sleep(time.Minute) // its use is written down meanwhile, which looks at nothing
		wants(t, "a page later", s.get(t, "/", s.token).StatusCode, 200)
		if s.sessions.frozen(1) {
			t.Error("the row still says frozen")
		}
	})
}
