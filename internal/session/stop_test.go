package session_test

import (
	"context"
	"errors"
	"fmt"
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

// TestStoppingKeepsSlot: the slot of a container that is not proven gone is not
// given again, while its client is free.
func TestStoppingKeepsSlot(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{Max: 1})
	mustAllocate(t, k, amiga, true)
	must(t, k.Hosts[0].SetDown(true))
	if err := k.Sessions.Stop(t.Context(), amiga); !errors.Is(err, hosts.ErrUnreachable) {
		t.Fatalf("Stop = %v, want ErrUnreachable", err)
	}
	must(t, k.Hosts[0].SetDown(false))
	k.Pool.CheckHealth(t.Context())
	if _, _, err := k.Sessions.Allocate(t.Context(), amiga, false); !isFull(err, "full 1/1") {
		t.Errorf("Allocate = %v, want full: the old container may still run", err)
	}
	_, err := k.Reaper.Reconcile(t.Context(), reaper.Options{})
	must(t, err)
	mustAllocate(t, k, amiga, true)
}

// TestStopOvertakesStart: a DELETE comes while the session starts, whose starter
// rolls back.
func TestStopOvertakesStart(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{})
	release := hold(k.Hosts[0], pretend.OpStart)
	allocated := allocating(t, k.Sessions, amiga)
	eventually(t, "the container is being started", func() bool { return k.Hosts[0].Requests(pretend.OpStart) > 0 })
	if err := k.Sessions.Stop(t.Context(), amiga); err != nil {
		t.Errorf("Stop of a starting session = %v", err)
	}
	release()
	if err := <-allocated; !errors.Is(err, session.ErrStopped) {
		t.Errorf("Allocate = %v, want ErrStopped", err)
	}
	wantRows(t, k, "")
	wantContainers(t, k, 0)
}

// TestStopUnusedSparesUsedSessions: a session whose 202 could not be written is
// stopped, but not if the client asked again meanwhile and was told of it.
func TestStopUnusedSparesUsedSessions(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{})
	lost := mustAllocate(t, k, amiga, true)
	mustAllocate(t, k, amiga, false)
	must(t, k.Sessions.StopUnused(t.Context(), lost))
	wantRows(t, k, "running:1")
	must(t, k.Sessions.Stop(t.Context(), amiga))
	must(t, k.Sessions.StopUnused(t.Context(), mustAllocate(t, k, amiga, true)))
	wantRows(t, k, "")
}

// TestOnlyTheDatabasesClockCounts: it is an hour behind ours, and nothing notices.
func TestOnlyTheDatabasesClockCounts(t *testing.T) {
	cfg := databasetest.Migrated(t, "mysql")
	cfg.MySQL = cfg.MySQL.Clone()
	cfg.MySQL.Params = map[string]string{"timestamp": fmt.Sprint(time.Now().Add(-time.Hour).Unix())}
	k := newKit(t, databasetest.Open(t, cfg), servicetest.Options{})
	mustAllocate(t, k, amiga, true)
	r, err := k.Reaper.Reconcile(t.Context(), reaper.Options{Idle: 10 * time.Minute})
	if err != nil || r.Stopped != 0 {
		t.Errorf("a session of this minute was reaped: %+v, %v", r, err)
	}
	exec(t, k, `UPDATE sessions SET lastUsed = `+k.DB.SecondsAgo(), 601)
	r, err = k.Reaper.Reconcile(t.Context(), reaper.Options{Idle: 10 * time.Minute})
	if err != nil || r.Stopped != 1 {
		t.Errorf("an idle session was not reaped: %+v, %v", r, err)
	}
}

// TestGatewaySessionIsIdleLater: by as much as a gateway may be late to touch it.
func TestGatewaySessionIsIdleLater(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Gateway: true})
		s := mustAllocate(t, k, amiga, true)
		for _, tt := range []struct {
			gateway bool
			unused  int
			want    bool
		}{
			{true, 600, false},
			{true, 614, false},
			{true, 615, true},
			{false, 599, false},
			{false, 600, true},
		} {
			exec(t, k, `UPDATE sessions SET gateway = ?`, tt.gateway)
			var list []session.Session
			inOneSecond(t, k, func() {
				unused(t, k, tt.unused)
				var err error
				list, err = k.Store.Idle(t.Context(), 10*time.Minute)
				must(t, err)
			})
			if (len(list) == 1) != tt.want {
				t.Errorf("gateway %t, unused for %d s: idle %+v; want %t", tt.gateway, tt.unused, list, tt.want)
			}
		}
		exec(t, k, `UPDATE sessions SET gateway = TRUE`)
		unused(t, k, 600)
		if stopped, err := k.Sessions.StopIdle(t.Context(), s, 10*time.Minute); stopped || err != nil {
			t.Errorf("StopIdle = %t, %v; want it to stay for 15 s more", stopped, err)
		}
	})
}

// TestFrozenSessionIsStoppedLikeAny: once it is idle.
func TestFrozenSessionIsStoppedLikeAny(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Gateway: true})
		s := mustAllocate(t, k, amiga, true)
		unused(t, k, 620)
		if frozen, err := k.Sessions.Freeze(t.Context(), s, time.Minute); err != nil || !frozen || !paused(t, k) {
			t.Fatalf("Freeze = %t, %v; paused %t", frozen, err, paused(t, k))
		}
		if stopped, err := k.Sessions.StopIdle(t.Context(), s, 10*time.Minute); !stopped || err != nil {
			t.Errorf("StopIdle of a frozen session = %t, %v; want it stopped", stopped, err)
		}
		wantRows(t, k, "")
		if _, err := k.Sessions.TouchByID(t.Context(), s.ID); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("TouchByID of a stopped session = %v, want ErrNotFound", err)
		}
	})
}

// TestUnfinishedRemovalKeepsItsSlotOnly: a container that its engine never gets
// removed keeps its slot; the client is free, and the host takes others.
func TestUnfinishedRemovalKeepsItsSlotOnly(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{})
	s := mustAllocate(t, k, amiga, true)
	k.Hosts[0].FailNext(pretend.OpRemove, 409, "removal of container x is already in progress", 1)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if stopped, err := k.Sessions.StopSession(ctx, s); stopped || !errors.Is(err, hosts.ErrUnfinished) {
		t.Errorf("StopSession = %t, %v; want ErrUnfinished", stopped, err)
	}
	wantRows(t, k, "stopping:1")
	states, err := k.Sessions.HostStates(t.Context())
	if err != nil || states[0].Stopping != 1 || states[0].Used != 1 || states[0].Why != "" {
		t.Errorf("states = %+v, %v; want one slot that is stopping, and the host up", states, err)
	}
	mustAllocate(t, k, amiga, true)
	wantRows(t, k, "running:1 stopping:1")
}
