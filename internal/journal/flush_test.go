package journal_test

import (
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/journal"
)

// TestFlushedIsWritten: what was noted, and what happened again, stands there once Flush
// has returned, however much it is; also if nothing was noted, and after the end. On a
// machine whose disk is busy a write may be given up, so that most attempts have to do.
func TestFlushedIsWritten(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		w := newWriter(t, db, false)
		w.Flush(t.Context())
		const refusals = 20
		seen := 0
		for i := range refusals {
			w.Add(t.Context(), journal.Note{Client: amiga, What: journal.Refused{Why: "full"}})
			w.Flush(t.Context())
			if list := why(t, db, "192.0.2.1"); len(list) == 1 && list[0].Times == i+1 {
				seen++
			}
		}
		if seen <= refusals/2 {
			t.Errorf("of %d refusals %d were seen after Flush", refusals, seen)
		}
		for range 1000 {
			w.Add(t.Context(), journal.Note{Host: "a", What: journal.HostUp{}})
		}
		eventually(t, "what takes several batches is written", func() bool {
			w.Flush(t.Context())
			return len(read(t, db, journal.Query{Kind: "host-up", Most: 2000})) == 1000
		})
		closed(t, w)
		w.Flush(t.Context())
	})
}

// TestFlushGivesUp when the database does not take what was noted; that is written later.
func TestFlushGivesUp(t *testing.T) {
	t.Parallel() // it mostly waits
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		w := newWriter(t, db, false)
		release := lock(t, db)
		w.Add(t.Context(), journal.Note{Host: "a", What: journal.HostUp{}})
		w.Flush(t.Context())
		if list := read(t, db, journal.Query{}); len(list) > 0 {
			t.Errorf("written in spite of the lock: %+v", list)
		}
		release()
		eventually(t, "it is written", func() bool { return len(read(t, db, journal.Query{})) == 1 })
	})
}
