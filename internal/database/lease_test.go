package database_test

import (
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

// TestLease: one holder at a time, who can go on and give up; a lease that is not
// renewed is the next one's.
func TestLease(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		take := func(job, holder string, want bool) {
			t.Helper()
			if got, err := db.Lease(t.Context(), job, holder, time.Hour); got != want || err != nil {
				t.Errorf("Lease(%s, %s) = %t, %v; want %t", job, holder, got, err, want)
			}
		}
		end := func(job, holder string) {
			t.Helper()
			if err := db.EndLease(t.Context(), job, holder); err != nil {
				t.Error(err)
			}
		}
		take("warm", "a", true)
		take("warm", "b", false)
		take("other", "b", true)
		take("warm", "a", true)
		end("warm", "b")
		take("warm", "b", false)
		end("warm", "a")
		take("warm", "b", true)
		if _, err := db.ExecContext(t.Context(), `UPDATE leases SET expires = `+db.Now()); err != nil {
			t.Fatal(err)
		}
		take("warm", "a", true)
		take("warm", "b", false)
	})
}
