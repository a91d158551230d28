package session_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// wantPaused checks that a client is refused with a reason, and nothing else.
func wantPaused(t *testing.T, m *session.Manager, c session.Client, reason string) {
	t.Helper()
	_, _, err := m.Allocate(t.Context(), c, false)
	paused, ok := errors.AsType[*session.PausedError](err)
	if !ok || paused.Reason != reason || time.Since(paused.Since) > time.Hour {
		t.Errorf("Allocate = %v, want that sessions are paused: %s", err, reason)
	}
}

// TestPauseRefusesNewSessionsOnly: those that run go on, and so does what waits for a
// client, which is not handed over. The other process knows at once.
func TestPauseRefusesNewSessionsOnly(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Max: 2})
		other := servicetest.Open(t, db, k.Config)
		mustAllocate(t, k, amiga, true)
		mustStartWarm(t, k, false, 1)
		must(t, other.Store.Pause(t.Context(), " New disk\nuntil noon. "))
		for _, m := range []*session.Manager{k.Sessions, other.Sessions} {
			wantPaused(t, m, atari, "New disk\uFFFDuntil noon.")
			now, err := m.Overview(t.Context())
			if err != nil || now.Pause == nil || now.Sessions != 1 {
				t.Errorf("Overview = %+v, %v; want that sessions are paused", now, err)
			}
		}
		mustAllocate(t, k, amiga, false)
		must(t, k.Sessions.Touch(t.Context(), amiga))
		wantRows(t, k, "warm:1 running:1")
		must(t, k.Sessions.Stop(t.Context(), amiga))
		wantPaused(t, k.Sessions, amiga, "New disk\uFFFDuntil noon.")

		if was, err := k.Store.Resume(t.Context()); !was || err != nil {
			t.Errorf("Resume = %t, %v; want that they were paused", was, err)
		}
		if was, err := other.Store.Resume(t.Context()); was || err != nil {
			t.Errorf("Resume again = %t, %v", was, err)
		}
		warm := containers(k)
		if s := mustAllocate(t, k, atari, true); len(warm) != 1 || s.ContainerID != warm[0] {
			t.Errorf("after the pause the client gets %q, want what waited, %q", s.ContainerID, warm)
		}
	})
}

// TestPauseComesBeforeCapacity: who is refused because the service is paused is told that,
// and not that it is full, or that hosts are down.
func TestPauseComesBeforeCapacity(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Max: 1})
		mustAllocate(t, k, amiga, true)
		for _, reason := range []string{"first", ""} {
			must(t, k.Store.Pause(t.Context(), reason))
		}
		wantPaused(t, k.Sessions, atari, session.DefaultPause)
		must(t, k.Store.Pause(t.Context(), strings.Repeat("x", 300)))
		must(t, k.Hosts[0].SetDown(true))
		k.Pool.CheckHealth(t.Context())
		wantPaused(t, k.Sessions, atari, strings.Repeat("x", 255))
		if err := k.Sessions.Ready(t.Context()); err == nil {
			t.Error("a service whose only host is down is ready because it is paused")
		}
		must(t, k.Hosts[0].SetDown(false))
		k.Pool.CheckHealth(t.Context())
		must(t, k.Sessions.Ready(t.Context()))
	})
}

// TestPauseHoldsForWhatIsKnownToWait: a process that has seen what waits, and has not
// looked since, does not hand it over either.
func TestPauseHoldsForWhatIsKnownToWait(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Max: 3})
		other := servicetest.Open(t, db, k.Config)
		k.Sessions.SetWaitingAge(time.Hour)
		mustStartWarm(t, k, false, 1)
		mustAllocate(t, k, amiga, true)
		mustStartWarm(t, k, false, 1)
		if _, err := k.Sessions.LookForWaiting(t.Context()); err != nil {
			t.Fatal(err)
		}
		must(t, other.Store.Pause(t.Context(), "closed"))
		wantPaused(t, k.Sessions, atari, "closed")
		wantRows(t, k, "warm:1 running:1")
	})
}

// TestWarmContainerIsHandedOverBesideClaims: that it is looked whether sessions are
// paused waits for nobody who has the pool's lock.
func TestWarmContainerIsHandedOverBesideClaims(t *testing.T) {
	db := databasetest.NewMySQL(t)
	k := newKit(t, db, servicetest.Options{})
	mustStartWarm(t, k, false, 1)
	tx, err := db.BeginTxx(t.Context(), nil)
	must(t, err)
	defer tx.Rollback()
	must(t, database.LockPool(t.Context(), tx))
	mustAllocate(t, k, amiga, true)
	wantRows(t, k, "running:1")
}
