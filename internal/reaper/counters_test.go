package reaper_test

import (
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/service/servicetest"
)

// TestPassCorrectsCounters: a dry run does not.
func TestPassCorrectsCounters(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{})
		allocate(t, k, 1)
		_, err := db.Exec(`UPDATE counters SET taken = 2`)
		must(t, err)
		for _, tt := range []struct {
			opt  reaper.Options
			want int
		}{{reaper.Options{DryRun: true}, 2}, {reaper.Options{}, 1}} {
			_, err := k.Reaper.Reconcile(t.Context(), tt.opt)
			must(t, err)
			var taken int
			must(t, db.Get(&taken, `SELECT taken FROM counters`))
			if taken != tt.want {
				t.Errorf("dry run %t: the counter says %d, want %d", tt.opt.DryRun, taken, tt.want)
			}
		}
	})
}
