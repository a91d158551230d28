package gateway_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestFrozenAndWoken: who is not there for a while gets his container as he left
// it.
func TestFrozenAndWoken(t *testing.T) {
	t.Parallel() // it mostly waits
	b := newBench(t, databasetest.New(t), options{Config: gateway.Config{Interval: 500 * time.Millisecond, FreezeAfter: time.Second}})
	s := allocate(t, b.Kit, amiga)
	wants(t, "a page", b.get(t, "/", s.Token), 200)
	for range 3 {
		used := time.Now()
		eventually(t, "frozen", func() bool { return state(t, b.Kit, s.ID) == "running frozen=true" })
		if after := time.Since(used); after < time.Second {
			t.Errorf("frozen %v after its last use", after)
		}
		pause(time.Second) // and then nothing of it counts as use
		if got := state(t, b.Kit, s.ID); got != "running frozen=true" {
			t.Errorf("the session is %q", got)
		}
		used = time.Now()
		wants(t, "a page of a frozen session", b.get(t, "/", s.Token), 200)
		if took := time.Since(used); took > 900*time.Millisecond {
			t.Errorf("waking took %v: it was not woken before it was asked", took)
		}
		if got := state(t, b.Kit, s.ID); got != "running frozen=false" {
			t.Errorf("the session is %q", got)
		}
	}
	eventually(t, "frozen", func() bool { return state(t, b.Kit, s.ID) == "running frozen=true" })
	must(t, b.Sessions.Stop(t.Context(), amiga))
	wants(t, "released while it was frozen", b.get(t, "/", s.Token), 410)
	if b.Running() != 0 {
		t.Error("the container goes on")
	}
}

// TestNotFrozenUnderWay: a request that lasts keeps its session awake, here and in
// another replica.
func TestNotFrozenUnderWay(t *testing.T) {
	t.Parallel() // it mostly waits
	end := make(chan struct{})
	cfg := gateway.Config{Interval: 500 * time.Millisecond, FreezeAfter: 2 * time.Second}
	b, s := newUpstream(t, options{Config: cfg}, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "begin")
		_ = http.NewResponseController(w).Flush()
		<-end
	})
	openBench(t, &servicetest.Kit{Service: servicetest.Open(t, b.DB, b.Config), Hosts: b.Hosts, Config: b.Config}, options{Config: cfg})
	done := make(chan answer)
	go func() { done <- ask(t, "GET", b.url+"/", "Bearer: "+s.Token) }()
	pause(5 * time.Second)
	if n := b.Hosts[0].Requests(pretend.OpPause); n > 0 {
		t.Errorf("paused %d times under a request", n)
	}
	close(end)
	wants(t, "the request", (<-done).StatusCode, 200)
	eventually(t, "frozen at last", func() bool { return state(t, b.Kit, s.ID) == "running frozen=true" })
}

// TestNoFreezing: nothing is frozen unless that is wanted.
func TestNoFreezing(t *testing.T) {
	b := newBench(t, databasetest.New(t), options{Config: gateway.Config{Interval: 100 * time.Millisecond}})
	allocate(t, b.Kit, amiga)
	_, err := b.DB.ExecContext(t.Context(), `UPDATE sessions SET started = datetime('now', '-1 hour')`)
	must(t, err)
	pause(time.Second)
	if n := b.Hosts[0].Requests(pretend.OpPause); n > 0 {
		t.Errorf("paused %d times", n)
	}
}

// TestFreezeRaces: sessions are said to be idle all the time, and two replicas
// freeze them while clients use them. No request may hang.
func TestFreezeRaces(t *testing.T) {
	t.Parallel() // it mostly waits
	cfg := gateway.Config{Interval: 10 * time.Millisecond, FreezeAfter: 20 * time.Millisecond}
	one := newBench(t, databasetest.New(t), options{Config: cfg})
	two := openBench(t, &servicetest.Kit{Service: servicetest.Open(t, one.DB, one.Config), Hosts: one.Hosts, Config: one.Config}, options{Config: cfg})
	list := []*session.Session{allocate(t, one.Kit, amiga), allocate(t, one.Kit, session.Client{IP: "192.0.2.2", UserAgent: "x"})}
	ctx, stop := context.WithCancel(t.Context())
	var aging, clients sync.WaitGroup
	aging.Go(func() {
		for ctx.Err() == nil {
			_, _ = one.DB.ExecContext(ctx, `UPDATE sessions SET lastUsed = datetime('now', '-1 hour')`)
			pause(time.Duration(rand.IntN(20)) * time.Millisecond)
		}
	})
	var mu sync.Mutex
	var slowest time.Duration
	for i := range 8 {
		clients.Go(func() {
			b, s := []*bench{one, two}[i%2], list[i/2%2]
			for range 60 {
				start := time.Now()
				a, err := try(t, "GET", fmt.Sprintf("%s/img/big?bytes=%d", b.url, rand.IntN(20000)), "Bearer: "+s.Token)
				if err != nil || a.StatusCode != 200 {
					t.Errorf("session %d: %d %q, %v", s.ID, a.StatusCode, a.body, err)
					return
				}
				mu.Lock()
				slowest = max(slowest, time.Since(start))
				mu.Unlock()
				pause(time.Duration(rand.IntN(60)) * time.Millisecond)
			}
		})
	}
	clients.Wait()
	stop()
	aging.Wait()
	paused, woken := one.Hosts[0].Requests(pretend.OpPause), one.Hosts[0].Requests(pretend.OpUnpause)
	t.Logf("paused %d times, woken %d times, the slowest request took %v", paused, woken, slowest)
	if paused < 20 || slowest > 10*time.Second {
		t.Errorf("paused %d times, the slowest request took %v", paused, slowest)
	}
}
