package session_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
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

// unused makes all sessions look as if nothing happened to them for some seconds.
func unused(t *testing.T, k *servicetest.Kit, seconds int) {
	t.Helper()
	exec(t, k, `UPDATE sessions SET started = `+k.DB.SecondsAgo()+`, lastUsed = NULL`, seconds)
}

func reload(t *testing.T, k *servicetest.Kit, id int64) *session.Session {
	t.Helper()
	s, err := k.Store.ByID(t.Context(), id)
	must(t, err)
	return s
}

// TestFreeze: only what a gateway serves and nobody uses is paused, and use wakes
// it.
func TestFreeze(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Gateway: true})
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
		list, err := k.Store.Freezable(t.Context(), time.Minute)
		if err != nil || len(list) != 1 {
			t.Errorf("Freezable = %+v, %v; want the session", list, err)
		}
		freeze(true)
		if again := mustAllocate(t, k, amiga, false); again.ID != s.ID {
			t.Error("a frozen session was taken for a dead one")
		}
		used, err := k.Sessions.TouchByID(t.Context(), s.ID)
		if err != nil || used.ID != s.ID || paused(t, k) || reload(t, k, s.ID).Frozen {
			t.Errorf("Use = %+v, %v; paused %t, frozen %t; want it awake", used, err, paused(t, k), reload(t, k, s.ID).Frozen)
		}
		unused(t, k, 60)
		exec(t, k, `UPDATE sessions SET gateway = FALSE`)
		freeze(false)
	})
}

// TestFreezeRaces: whatever comes while a session is being frozen, it does not
// stay frozen after it was used.
func TestFreezeRaces(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Gateway: true})
	s := mustAllocate(t, k, amiga, true)
	k.Hosts[0].SetDelay("pause", 10*time.Millisecond) // so that some wake it too early
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

// TestFreezeInterrupted: a process that died while it froze a session leaves a
// container that is paused and a row that says it is not.
func TestFreezeInterrupted(t *testing.T) {
	for _, tt := range []struct {
		name string
		all  bool // wakes what is rightly paused as well
		mend func(t *testing.T, k *servicetest.Kit, s *session.Session) error
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
			k := servicetest.New(t, databasetest.New(t), servicetest.Options{Gateway: true})
			s := mustAllocate(t, k, amiga, true)
			unused(t, k, 60)
			_, err := k.Sessions.Freeze(t.Context(), s, time.Minute)
			must(t, err)
			must(t, tt.mend(t, k, reload(t, k, s.ID)))
			if paused(t, k) == tt.all {
				t.Errorf("paused %t after a look while the row says frozen", paused(t, k))
			}
			exec(t, k, `UPDATE sessions SET frozen = FALSE`)
			must(t, tt.mend(t, k, reload(t, k, s.ID)))
			if paused(t, k) {
				t.Error("the container is still paused")
			}
		})
	}
}

// TestDecision37Late: a session behind a gateway is idle 15 s later than others,
// and a frozen one ends like any.
func TestDecision37Late(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Gateway: true})
		s := mustAllocate(t, k, amiga, true)
		for _, tt := range []struct {
			gateway bool
			unused  int
			want    bool
		}{
			{true, 600, false},
			{true, 613, false},
			{true, 615, true},
			{false, 598, false},
			{false, 600, true},
		} {
			unused(t, k, tt.unused)
			exec(t, k, `UPDATE sessions SET gateway = ?`, tt.gateway)
			list, err := k.Store.Idle(t.Context(), 10*time.Minute)
			if err != nil || (len(list) == 1) != tt.want {
				t.Errorf("gateway %t, unused for %d s: idle %+v, %v; want %t", tt.gateway, tt.unused, list, err, tt.want)
			}
		}
		exec(t, k, `UPDATE sessions SET gateway = TRUE`)
		unused(t, k, 610)
		if ended, err := k.Sessions.StopIdle(t.Context(), s, 10*time.Minute); ended || err != nil {
			t.Errorf("Expire = %t, %v; want it to stay for 5 s more", ended, err)
		}
		if _, err := k.Sessions.Freeze(t.Context(), s, time.Minute); err != nil || !paused(t, k) {
			t.Fatalf("Freeze: %v, paused %t", err, paused(t, k))
		}
		unused(t, k, 620)
		if ended, err := k.Sessions.StopIdle(t.Context(), s, 10*time.Minute); !ended || err != nil {
			t.Errorf("Expire of a frozen session = %t, %v; want it ended", ended, err)
		}
		wantRows(t, k, "")
		if _, err := k.Sessions.TouchByID(t.Context(), s.ID); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("Use of an ended session = %v, want ErrNotFound", err)
		}
	})
}
