package session_test

import (
	"slices"
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

// paused reports whether the session's container is paused.
func paused(t *testing.T, k *servicetest.Kit) bool {
	t.Helper()
	list, _, err := k.Pool.List(t.Context(), "host0")
	must(t, err)
	if len(list) != 1 {
		t.Fatalf("containers are %+v, want one", list)
	}
	return list[0].Paused
}

// TestOnlyUnusedGatewaySessionsAreFrozen: and use unfreezes them.
func TestOnlyUnusedGatewaySessionsAreFrozen(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Gateway: true})
		s := mustAllocate(t, k, amiga, true)
		freeze := func(want bool) {
			t.Helper()
			if got, err := k.Sessions.Freeze(t.Context(), s, time.Minute); got != want || err != nil {
				t.Errorf("Freeze = %t, %v; want %t", got, err, want)
			}
			if paused(t, k) != want || reload(t, k, s.ID).Frozen != want {
				t.Errorf("container paused %t, row frozen %t; want %t", paused(t, k), reload(t, k, s.ID).Frozen, want)
			}
		}
		freeze(false) // used just now
		unused(t, k, 60)
		ids, err := k.Store.Freezable(t.Context(), time.Minute)
		if err != nil || !slices.Equal(ids, []int64{s.ID}) {
			t.Errorf("Freezable = %v, %v; want the session", ids, err)
		}
		freeze(true)
		if again := mustAllocate(t, k, amiga, false); again.ID != s.ID {
			t.Error("a frozen session was taken for a dead one")
		}
		used, err := k.Sessions.TouchByID(t.Context(), s.ID)
		if err != nil || used.ID != s.ID || paused(t, k) || reload(t, k, s.ID).Frozen {
			t.Errorf("TouchByID = %+v, %v; paused %t, frozen %t; want neither", used, err, paused(t, k), reload(t, k, s.ID).Frozen)
		}
		unused(t, k, 60)
		exec(t, k, `UPDATE sessions SET gateway = FALSE`)
		freeze(false)
	})
}

// TestUseWinsOverFreeze: whatever comes while a session is being frozen, it does
// not stay frozen after it was used.
func TestUseWinsOverFreeze(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{Gateway: true})
	s := mustAllocate(t, k, amiga, true)
	k.Hosts[0].SetDelay(pretend.OpPause, 10*time.Millisecond) // so that some unfreeze it too early
	for round := range 30 {
		unused(t, k, 60)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := k.Sessions.Freeze(t.Context(), s, time.Minute); err != nil {
				t.Error(err)
			}
		})
		if round%2 == 0 {
			eventually(t, "the row says frozen", func() bool { return reload(t, k, s.ID).Frozen })
		}
		for range 2 {
			wg.Go(func() {
				if _, err := k.Sessions.TouchByID(t.Context(), s.ID); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if paused(t, k) {
			t.Fatal("the container is paused after it was used")
		}
	}
}

// TestPauseWhileUnfreezingIsUndone: whoever freezes a session may pause its container
// after it was unfrozen, and see that the row says frozen, before the row is changed.
func TestPauseWhileUnfreezingIsUndone(t *testing.T) {
	cfg := databasetest.Migrated(t, "sqlite")
	other := databasetest.Open(t, cfg)
	k := newKit(t, databasetest.Open(t, cfg), servicetest.Options{Gateway: true})
	s := mustAllocate(t, k, amiga, true)
	unused(t, k, 60)
	_, err := k.Sessions.Freeze(t.Context(), s, time.Minute)
	must(t, err)
	lock := other.MustBegin() // nobody changes a row
	done := make(chan error, 1)
	go func() { done <- k.Sessions.RepairUnresponsive(t.Context(), s, func() {}) }()
	eventually(t, "the container goes on", func() bool { return !paused(t, k) })
	must(t, k.Pool.Pause(t.Context(), hosts.Ref{Host: s.Host, ID: s.ContainerID}))
	must(t, lock.Rollback())
	must(t, <-done)
	if paused(t, k) || reload(t, k, s.ID).Frozen {
		t.Errorf("paused %t, row frozen %t after it was unfrozen; want neither", paused(t, k), reload(t, k, s.ID).Frozen)
	}
}

// TestUnfreezeBeforePauseIsNoticed: whoever unfreezes a session may find its row frozen
// before the container is paused, and be done with both.
func TestUnfreezeBeforePauseIsNoticed(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{Gateway: true})
	s := mustAllocate(t, k, amiga, true)
	unused(t, k, 60)
	k.Hosts[0].SetUnresponsive(true)
	done := make(chan error, 1)
	go func() {
		frozen, err := k.Sessions.Freeze(t.Context(), s, time.Minute)
		if frozen {
			t.Error("Freeze says that the session is frozen")
		}
		done <- err
	}()
	eventually(t, "the row says frozen", func() bool { return reload(t, k, s.ID).Frozen })
	exec(t, k, `UPDATE sessions SET frozen = FALSE`)
	k.Hosts[0].SetUnresponsive(false)
	must(t, <-done)
	if paused(t, k) {
		t.Error("the container is paused, and its row does not say so")
	}
}

// TestPauseThatTheRowDoesNotKnowIsRepaired: a process that died while it froze a
// session leaves a container that is paused and a row that says it is not.
func TestPauseThatTheRowDoesNotKnowIsRepaired(t *testing.T) {
	for _, tt := range []struct {
		name   string
		all    bool // unfreezes also where the row says frozen
		repair func(t *testing.T, k *servicetest.Kit, s *session.Session) error
	}{
		{"a request that waits", true, func(t *testing.T, k *servicetest.Kit, s *session.Session) error {
			return k.Sessions.RepairUnresponsive(t.Context(), s, func() {})
		}},
		{"a pass", false, func(t *testing.T, k *servicetest.Kit, s *session.Session) error {
			_, err := k.Sessions.Repair(t.Context(), s)
			return err
		}},
		{"a new stream of events", false, func(t *testing.T, k *servicetest.Kit, _ *session.Session) error {
			list, _, err := k.Pool.List(t.Context(), "host0")
			k.Sessions.HandleListing(t.Context(), "host0", list)
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := newKit(t, databasetest.New(t), servicetest.Options{Gateway: true})
			s := mustAllocate(t, k, amiga, true)
			unused(t, k, 60)
			_, err := k.Sessions.Freeze(t.Context(), s, time.Minute)
			must(t, err)
			must(t, tt.repair(t, k, reload(t, k, s.ID)))
			if paused(t, k) == tt.all {
				t.Errorf("paused %t after a look while the row says frozen", paused(t, k))
			}
			exec(t, k, `UPDATE sessions SET frozen = FALSE`)
			must(t, tt.repair(t, k, reload(t, k, s.ID)))
			if paused(t, k) {
				t.Error("the container is still paused")
			}
		})
	}
}

// TestFrozenContainerIsUnfrozenWithoutDatabase: what the row says has time.
func TestFrozenContainerIsUnfrozenWithoutDatabase(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Gateway: true})
		s := mustAllocate(t, k, amiga, true)
		unused(t, k, 60)
		_, err := k.Sessions.Freeze(t.Context(), s, time.Minute)
		must(t, err)
		must(t, k.DB.Close())
		if err := k.Sessions.RepairUnresponsive(t.Context(), s, func() {}); err == nil || paused(t, k) {
			t.Errorf("RepairUnresponsive = %v, paused %t; want the database's error and not paused", err, paused(t, k))
		}
	})
}
