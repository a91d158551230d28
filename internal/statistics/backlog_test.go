package statistics_test

import (
	"testing"

	"wrpdistributor/internal/database/databasetest"
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
