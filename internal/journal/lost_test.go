package journal_test

import (
	"slices"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/journal"
)

// TestLostAnswers to commits: what was written is neither written nor counted twice, and
// what happened again meanwhile is; of new entries as of old ones.
func TestLostAnswers(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		w := newWriter(t, db, false)
		refuse := func() { w.Add(t.Context(), journal.Note{Client: amiga, What: journal.Refused{Why: "full"}}) }
		start := func() { w.Add(t.Context(), journal.Note{Session: 17, What: journal.Started{All: 120}}) }
		for i, want := range [][]int{{2, 1, 1}, {4, 1, 1, 1, 1}} {
			err := w.LoseAnswer(func() { refuse(); start() }, func() { refuse(); start() })
			if err != nil {
				t.Fatal(err)
			}
			var times []int
			eventually(t, "all is written", func() bool {
				times = nil
				for _, e := range read(t, db, journal.Query{}) {
					times = append(times, e.Times)
				}
				return len(times) == len(want) && times[0] >= want[0]
			})
			c := counted(t, db)
			if !slices.Equal(times, want) || c.Refused != want[0] || c.Starts.Count != len(want)-1 {
				t.Errorf("lost answer %d: entries of %d times, want %d; counted %+v", i+1, times, want, c)
			}
		}
	})
}
