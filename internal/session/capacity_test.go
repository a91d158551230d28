package session_test

import (
	"strings"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestCountsByState: stopping sessions have no client, and only running ones a
// container that counts.
func TestCountsByState(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Hosts: 2, Max: 3})
		for _, c := range []session.Client{amiga, atari, st} {
			mustAllocate(t, k, c, true)
		}
		exec(t, k, `UPDATE sessions SET state = 'stopping', identity = NULL WHERE slot = 0`)
		exec(t, k, `UPDATE sessions SET state = 'starting' WHERE slot = 1`)
		got, err := k.Sessions.Counts(t.Context())
		if err != nil || got.Sessions != 2 || got.Containers != 1 || got.Remaining != 3 || got.PerHost["host0"] != 2 {
			t.Errorf("Counts = %+v, %v; want 2 sessions, 1 container, 3 remaining, 2 on host0", got, err)
		}
	})
}

// TestDrainedHostKeepsItsSessions: and takes no new ones.
func TestDrainedHostKeepsItsSessions(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Hosts: 2, Max: 1})
		mustAllocate(t, k, amiga, true)
		for _, reason := range []string{strings.Repeat("x\xff", 300), "kernel", "new kernel"} {
			must(t, k.Store.Drain(t.Context(), "host1", reason))
		}
		mustAllocate(t, k, amiga, false)
		if _, _, err := k.Sessions.Allocate(t.Context(), atari, false); !isFull(err, "host1: drained: new kernel") || !isFull(err, "host0: full 1/1") {
			t.Errorf("Allocate = %v, want both reasons", err)
		}
		was, err := k.Store.Undrain(t.Context(), "host1")
		if again, _ := k.Store.Undrain(t.Context(), "host1"); !was || again || err != nil {
			t.Errorf("Undrain = %t, then %t, %v", was, again, err)
		}
		if s := mustAllocate(t, k, atari, true); s.Host != "host1" {
			t.Errorf("session is on %s, want host1", s.Host)
		}
	})
}
