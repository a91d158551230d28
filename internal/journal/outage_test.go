package journal_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/metricstest"
)

// lock has nobody write to the journal until release is called.
func lock(t *testing.T, db *database.DB) (release func()) {
	t.Helper()
	begin, end := "LOCK TABLES journal READ", "UNLOCK TABLES"
	if db.DriverName() == "sqlite" {
		begin, end = "BEGIN IMMEDIATE", "ROLLBACK"
	}
	other, err := db.Aside()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	exec := func(statement string) {
		if _, err := other.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec(begin)
	return func() { exec(end) }
}

// TestNobodyWaitsForTheJournal while the database takes no writes: not who notes
// something, nor who reads. What does not fit is counted, and what fits is written after.
func TestNobodyWaitsForTheJournal(t *testing.T) {
	t.Parallel() // it mostly waits
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		w, log := newLoggingWriter(t, db)
		release := lock(t, db)
		before := db.Stats().WaitCount
		for range 5000 {
			w.Add(t.Context(), journal.Note{Host: "a", What: journal.HostUp{}})
		}
		metricstest.Read(t, w.Metrics()).Want(t, "in the outage", metricstest.Series{`journal_entries_waiting`: 4096, `journal_entries_lost_total`: 5000 - 4096})
		eventually(t, "the writer has tried", func() bool {
			if list := read(t, db, journal.Query{}); len(list) > 0 {
				t.Errorf("written in spite of the lock: %d entries", len(list))
			}
			return strings.Contains(log.String(), "journal not written")
		})
		if waited := db.Stats().WaitCount - before; waited > 0 {
			t.Errorf("%d statements waited for the journal's", waited)
		}
		release()
		var list []journal.Entry
		eventually(t, "what was lost is said", func() bool {
			list = read(t, db, journal.Query{Most: 1})
			return len(list) == 1 && list[0].Kind == "lost"
		})
		if lost := list[0].What.(journal.Lost); lost.Entries != 5000-4096 {
			t.Errorf("the last entry is %+v, want that 904 were lost", list[0])
		}
		got := metricstest.Read(t, w.Metrics())
		got.Want(t, "after the outage", metricstest.Series{`journal_entries_total`: 4096 + 1, `journal_entries_lost_total`: 5000 - 4096})
		if got[`wrpdistributor_journal_write_failures_total`] == 0 {
			t.Error("no failure to write is counted")
		}
	})
}

// TestEndIsNotHeldUp by a database that takes no writes.
func TestEndIsNotHeldUp(t *testing.T) {
	t.Parallel() // it mostly waits
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		t.Parallel()
		w := newWriter(t, db, false)
		defer lock(t, db)()
		w.Add(t.Context(), journal.Note{Host: "a", What: journal.HostUp{}})
		began := time.Now()
		closed(t, w)
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("Close took %s", took)
		}
	})
}

// TestOutageOfTheServer: what happened meanwhile is written when it is back.
func TestOutageOfTheServer(t *testing.T) {
	t.Parallel() // it mostly waits
	d := databasetest.Server(t)
	db := databasetest.Open(t, d.Config(t))
	w := newWriter(t, db, false)
	note := func(host string) { w.Add(t.Context(), journal.Note{Host: host, What: journal.HostUp{}}) }
	note("before")
	eventually(t, "the first is written", func() bool { return len(read(t, db, journal.Query{})) == 1 })
	d.Kill()
	for range 100 {
		note("meanwhile")
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all are written", func() bool {
		list, err := journal.Read(t.Context(), db, journal.Query{})
		return err == nil && len(list) == 101
	})
}

// TestWhatHappenedIsSeenWithinASecond, which is also what a process loses that is
// killed. On a machine that is busy with other things one of a few attempts has to do.
func TestWhatHappenedIsSeenWithinASecond(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		w := newWriter(t, db, false)
		var took time.Duration
		for i := range 10 {
			began := time.Now()
			w.Add(t.Context(), journal.Note{Session: int64(i + 1), Host: "a", What: journal.HostUp{}})
			eventually(t, "it is seen", func() bool { return len(read(t, db, journal.Query{Session: int64(i + 1)})) == 1 })
			if took = time.Since(began); took < time.Second {
				return
			}
		}
		t.Errorf("the last of ten attempts was seen after %s", took)
	})
}
