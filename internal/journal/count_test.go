package journal_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/journal"
)

func counted(t *testing.T, db *database.DB) journal.Counts {
	t.Helper()
	c, err := journal.Count(t.Context(), db, time.Now().Add(-24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func exec(t *testing.T, db *database.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatal(err)
	}
}

// TestStartsAndRefusalsAreCounted however many there are; nothing of an empty journal,
// and nothing that was before.
func TestStartsAndRefusalsAreCounted(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		if diff := cmp.Diff(journal.Counts{}, counted(t, db)); diff != "" {
			t.Errorf("of nothing, wanted -, got +:\n%s", diff)
		}
		w := newWriter(t, db, false)
		for i := range 1500 {
			w.Add(t.Context(), journal.Note{Session: int64(i + 1), What: journal.Started{Warm: i%5 == 0, All: int64(i + 1)}})
			w.Add(t.Context(), journal.Note{Client: amiga, What: journal.Refused{Why: `"full" 1/` + fmt.Sprint(i)}})
		}
		w.Add(t.Context(), journal.Note{Client: amiga, What: journal.Refused{Why: "paused"}})
		eventually(t, "all are written", func() bool { return counted(t, db).Refused == 1501 })
		for times := 2; times <= 4; times++ {
			w.Add(t.Context(), journal.Note{Client: amiga, What: journal.Refused{Why: "paused"}})
			eventually(t, "once more is written", func() bool {
				list := read(t, db, journal.Query{Kind: "refused"})
				return list[len(list)-1].Times == times
			})
		}
		exec(t, db, `INSERT INTO journalSums (process, began, warm, refused, waits, reasons)
			SELECT process, '2024-06-01 10:00:00.000', warm, refused, waits, reasons FROM journalSums ORDER BY id LIMIT 1`)
		want := journal.Counts{
			Starts:  journal.Waits{Count: 1500, Warm: 300, Median: 750 * time.Millisecond, P95: 1400 * time.Millisecond, Slowest: 1500 * time.Millisecond},
			Refused: 1504, Refusals: []journal.Refusals{{Why: `"full" 1/0`, Times: 1500}, {Why: "paused", Times: 4}},
		}
		if diff := cmp.Diff(want, counted(t, db)); diff != "" {
			t.Errorf("wanted -, got +:\n%s", diff)
		}
	})
}

// TestSumsAreThoseOfTheEntries: what is counted of the sums of several processes is what
// one counts of their entries, when more and more of them are of an earlier version,
// which leaves the column sums alone.
func TestSumsAreThoseOfTheEntries(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		random := rand.New(rand.NewPCG(1, 2))
		for range 3 {
			w := newWriter(t, db, false)
			for range 300 {
				w.Add(t.Context(), journal.Note{Session: random.Int64N(9), What: journal.Started{Warm: random.IntN(2) == 0, All: random.Int64N(3000)}})
				client := fmt.Sprintf("192.0.2.%d#1a2b3c4d", random.IntN(5))
				w.Add(t.Context(), journal.Note{Client: client, What: journal.Refused{Why: string(rune('a' + random.IntN(9)))}})
				w.Add(t.Context(), everything()[random.IntN(6)])
			}
			closed(t, w)
		}
		processes := processes(t, db)
		for _, id := range processes {
			register(t, db, id)
		}
		want := counted(t, db)
		if want.Starts.Count != 900 || want.Refused != 900 {
			t.Fatalf("counted %+v, want 900 each", want)
		}
		for i, id := range processes {
			exec(t, db, `DELETE FROM journalSums WHERE process = ?`, id)
			exec(t, db, `UPDATE processes SET sums = FALSE WHERE id = ?`, id)
			spoil(t, db, id)
			if diff := cmp.Diff(want, counted(t, db)); diff != "" {
				t.Errorf("with entries of %d processes, sums -, entries +:\n%s", i+1, diff)
			}
		}
	})
}

// spoil adds entries of a process as somebody may write them by hand: they count for nothing.
func spoil(t *testing.T, db *database.DB, process string) {
	t.Helper()
	for i, kind := range []string{"started", "refused"} {
		exec(t, db, `INSERT INTO journal (process, number, program, kind, firstAt, lastAt, times, request, requests, sessionId, containerHost, clientIp, clientHash, detail)
			SELECT process, ?, program, ?, firstAt, lastAt, 1, '', '', 0, '', '', '', '{"why": "a' FROM journal WHERE process = ? AND number = 1`, 1000000+i, kind, process)
	}
}

func register(t *testing.T, db *database.DB, process string) {
	t.Helper()
	id, err := db.DatabaseID(t.Context())
	if err == nil {
		err = db.Register(t.Context(), database.Process{ID: process, DatabaseID: id, Kind: "distributor"})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func processes(t *testing.T, db *database.DB) (list []string) {
	t.Helper()
	for _, e := range read(t, db, journal.Query{Most: 10000}) {
		if !slices.Contains(list, e.Process) {
			list = append(list, e.Process)
		}
	}
	return list
}

// TestVeryManyReasonsAreCounted, though not all of them are kept.
func TestVeryManyReasonsAreCounted(t *testing.T) {
	db := databasetest.New(t)
	w := newWriter(t, db, false)
	for i := range 150 {
		w.Add(t.Context(), journal.Note{Client: fmt.Sprintf("192.0.2.%d#1a2b3c4d", i), What: journal.Refused{Why: fmt.Sprint("full ", i)}})
		w.Add(t.Context(), journal.Note{Client: fmt.Sprintf("192.0.2.%d#1a2b3c4d", i), What: journal.Refused{Why: "paused"}})
	}
	closed(t, w)
	c := counted(t, db)
	if c.Refused != 300 || c.Refusals[0] != (journal.Refusals{Why: "paused", Times: 150}) || len(c.Refusals) > 100 {
		t.Errorf("counted %d refusals for %d reasons: %+v", c.Refused, len(c.Refusals), c.Refusals)
	}
}
