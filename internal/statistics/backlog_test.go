package statistics_test

import (
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/statistics"
)

// TestBacklogIsSummedUpBitByBit: a minute is not to be used up by years.
func TestBacklogIsSummedUpBitByBit(t *testing.T) {
	db := databasetest.New(t)
	const week = 7 * 24 * 60
	for w := 20; w > 0; w-- {
		put(t, db, "", 1, w*week)
	}
	for _, want := range []int{8, 16, 20, 20} {
		sumUp(t, db)
		if n := number(t, db, `SELECT COUNT(*) FROM statisticsHours`); n != want {
			t.Errorf("%d weeks are summed up, want %d", n, want)
		}
	}
}

// TestPrune removes what is too old, and the sums of it.
func TestPrune(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		put(t, db, "", 1, 30*60+1, 29*60+1, 10, 0)
		sumUp(t, db)
		n, err := statistics.Prune(t.Context(), db, 24*time.Hour)
		if err != nil || n != 2 {
			t.Errorf("Prune = %d, %v; want 2", n, err)
		}
		if rows := number(t, db, `SELECT COUNT(*) FROM statistics`); rows != 2 {
			t.Errorf("%d rows, want 2", rows)
		}
		if total := history(t, db).Total; total.Samples != 2 {
			t.Errorf("Total = %+v, want 2 samples", total)
		}
		exec(t, db, `DROP TABLE statisticsHours`) // as an older version leaves it
		if _, err := statistics.Prune(t.Context(), db, 24*time.Hour); err != nil {
			t.Errorf("Prune without the table of sums = %v", err)
		}
	})
}
