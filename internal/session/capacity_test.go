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

// TestRemainingIsOfHostsThatTakeSessions: what is free, or waits, on a host that is
// down, drained, without image, or not configured here can be had by nobody.
func TestRemainingIsOfHostsThatTakeSessions(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Hosts: 4, Max: 3})
		k.Sessions.SetCensusAge(0) // another process changes something too
		wantRemaining := func(when string, want int) {
			t.Helper()
			if got, err := k.Sessions.Counts(t.Context()); err != nil || got.Remaining != want {
				t.Errorf("%s: %d remaining, %v; want %d", when, got.Remaining, err, want)
			}
		}
		wantRemaining("not asked yet", 12)
		for _, host := range []string{"host0", "host1", "host2", "host3"} {
			startWarmOn(t, k, host)
		}
		wantRemaining("all up", 12)
		exec(t, k, `UPDATE sessions SET state = 'warming' WHERE containerHost IN ('host0', 'host1')`)
		wantRemaining("two are being warmed up", 12)
		must(t, k.Store.Drain(t.Context(), "host1", ""))
		wantRemaining("one drained", 9)
		must(t, k.Hosts[2].SetDown(true))
		k.Hosts[3].SetImage(false)
		k.Pool.CheckHealth(t.Context())
		wantRemaining("one drained, one down, one without image", 3)
		exec(t, k, `UPDATE sessions SET containerHost = 'host9' WHERE containerHost = 'host0'`)
		wantRemaining("what waited on the last one is on a host that is not configured", 3)
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
