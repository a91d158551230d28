package session_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

// lostRaces counts the lines about containers that another request took first.
type lostRaces struct{ n atomic.Int64 }

func (l *lostRaces) Write(line []byte) (int, error) {
	if strings.Contains(string(line), "warm container was taken by another") {
		l.n.Add(1)
	}
	return len(line), nil
}

func (l *lostRaces) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// startWarmEverywhere starts containers that wait, so many on each host.
func startWarmEverywhere(t *testing.T, k *servicetest.Kit, each int) {
	t.Helper()
	k.Pool.AwaitFirstCheck(t.Context())
	var wg sync.WaitGroup
	for _, h := range k.Pool.Hosts() {
		for range each {
			wg.Go(func() {
				if started, err := k.Sessions.StartWarm(t.Context(), h.Name, false, each); err != nil || !started {
					t.Errorf("StartWarm on %s = %t, %v; want a container", h.Name, started, err)
				}
			})
		}
	}
	wg.Wait()
}

func creates(k *servicetest.Kit) (n int) {
	for _, h := range k.Hosts {
		n += h.Requests(pretend.OpCreate)
	}
	return n
}

// TestClientsOfOneProcessDoNotRaceForWarmContainers: 64 clients at once, as many containers
// that wait, and each is tried by one client. Nothing is started.
func TestClientsOfOneProcessDoNotRaceForWarmContainers(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		each := 16
		if underRace {
			each = 4 // the race detector makes starts slow
		}
		clients := 4 * each
		k := newKit(t, db, servicetest.Options{Hosts: 4, Max: each, Strategy: hosts.Equal})
		startWarmEverywhere(t, k, each)
		made, lost := creates(k), &lostRaces{}
		k.Sessions.SetLog(lost.logger())
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() { mustAllocate(t, k, numbered(i), true) })
		}
		wg.Wait()
		wantRows(t, k, fmt.Sprintf("running:%d", clients))
		if n := lost.n.Load(); n != 0 || creates(k) != made {
			t.Errorf("%d attempts were lost, %d containers made for clients; want none", n, creates(k)-made)
		}
	})
}

// TestProcessesShareWarmContainers: each client gets one, though another process takes
// them as well.
func TestProcessesShareWarmContainers(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const each, clients = 4, 16
		k := newKit(t, db, servicetest.Options{Hosts: clients / each, Max: each, Strategy: hosts.Equal})
		startWarmEverywhere(t, k, each)
		other := &servicetest.Kit{Service: servicetest.Open(t, db, k.Config), Hosts: k.Hosts}
		other.Sessions.SetPatient(true)
		other.Pool.AwaitFirstCheck(t.Context())
		made, lost := creates(k), &lostRaces{}
		var wg sync.WaitGroup
		for i, one := range []*servicetest.Kit{k, other} {
			one.Sessions.SetLog(lost.logger())
			for n := range clients / 2 {
				wg.Go(func() { mustAllocate(t, one, numbered(i*clients+n), true) })
			}
		}
		wg.Wait()
		t.Logf("%d attempts were lost", lost.n.Load())
		if creates(k) != made {
			t.Errorf("%d containers made for clients, though one waited for each", creates(k)-made)
		}
	})
}

// TestNobodyLooksForWarmContainersWhereNoneWait: for a while. What this process makes ready
// is known at once, and nobody is refused for what was not known.
func TestNobodyLooksForWarmContainersWhereNoneWait(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{})
		k.Sessions.SetWaitingAge(time.Hour)
		mustAllocate(t, k, amiga, true)
		first := k.Sessions.LastWaiting()
		must(t, k.Sessions.Stop(t.Context(), amiga))
		mustAllocate(t, k, amiga, true)
		if k.Sessions.LastWaiting() != first {
			t.Error("the second client had the database asked again")
		}
		mustStartWarm(t, k, false, 1)
		made := creates(k)
		mustAllocate(t, k, atari, true)
		if creates(k) != made {
			t.Error("a container was made for a client, though this process had one ready")
		}
		must(t, k.Sessions.Stop(t.Context(), atari))

		other := &servicetest.Kit{Service: servicetest.Open(t, db, k.Config), Hosts: k.Hosts}
		other.Sessions.SetPatient(true)
		mustAllocate(t, k, atari, true)
		must(t, k.Sessions.Stop(t.Context(), atari))
		mustStartWarm(t, other, false, 1)
		made = creates(k)
		mustAllocate(t, k, atari, true)
		if creates(k) != made {
			t.Error("a container was made for a client, though the last slot has one that waits")
		}
	})
}
