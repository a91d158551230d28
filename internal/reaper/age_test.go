package reaper_test

import (
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/service/servicetest"
)

// TestPassStopsOldSessions: used or not, if there is a limit; but for what waits for a
// client, and for a session that was stopped before. A client that comes back gets
// another session.
func TestPassStopsOldSessions(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Max: 5})
		if _, err := k.Sessions.StartWarm(t.Context(), "host0", false, 1); err != nil {
			t.Fatal(err)
		}
		warm, err := k.Store.Waiting(t.Context())
		if err != nil || len(warm) != 1 {
			t.Fatalf("Waiting = %v, %v", warm, err)
		}
		age(t, k, 8*60, &warm[0])
		first := allocate(t, k, 1)[0] // takes what waited: its age begins now
		if first.ID != warm[0].ID {
			t.Fatalf("session %d, want %d, which waited", first.ID, warm[0].ID)
		}
		old := reaper.Options{MaxAge: 8 * time.Hour, Idle: idle}
		want(t, k, pass(t, k, old), 0, 0, 0, 1, 1)

		sessions := allocate(t, k, 3)
		age(t, k, 8*60, sessions[0])
		age(t, k, 8*60-1, sessions[1])
		for i := range sessions {
			must(t, k.Sessions.Touch(t.Context(), clientNo(i)))
		}
		want(t, k, pass(t, k, reaper.Options{Idle: idle}), 0, 0, 0, 3, 3)

		dry := old
		dry.DryRun = true
		if plan := pass(t, k, dry).Planned; len(plan) != 1 || !strings.HasPrefix(plan[0], "would stop old session ") {
			t.Errorf("planned %q, want the old session", plan)
		}
		r := pass(t, k, old)
		want(t, k, r, 1, 0, 0, 2, 2)
		if len(r.Endings) != 1 || !strings.HasSuffix(r.Endings[0], " was stopped: it is older than MAX_SESSION_AGE.") {
			t.Errorf("endings = %q", r.Endings)
		}
		if stopped, err := k.Sessions.StopOld(t.Context(), sessions[1], 8*time.Hour); stopped || err != nil {
			t.Errorf("StopOld of a younger session = %t, %v, want it to stay", stopped, err)
		}
		if _, fresh, err := k.Sessions.Allocate(t.Context(), clientNo(0), false); !fresh || err != nil {
			t.Errorf("the client gets a fresh session = %t, %v", fresh, err)
		}
	})
}
