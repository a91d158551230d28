package dashboard_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wrpdistributor/internal/bubbletest"
	"wrpdistributor/internal/dashboard"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/statistics"
)

func newBoard(t *testing.T, db *database.DB, status func() (operator.Status, error)) *dashboard.Board {
	t.Helper()
	return &dashboard.Board{
		Status: func(context.Context) (operator.Status, error) { return status() },
		Hosts: func(context.Context) (operator.Hosts, error) {
			return operator.Hosts{Hosts: []operator.Host{up("a.example", 1, 2)}}, nil
		},
		DB:  db,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

func fine() (operator.Status, error) {
	return operator.Status{Takes: true, Sentence: "A client can get a session now: 1 slot is free."}, nil
}

func html(t *testing.T, b *dashboard.Board, forAll bool) string {
	t.Helper()
	page, err := b.HTML(t.Context(), forAll)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func wantParts(t *testing.T, page string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(page, part) {
			rest, _ := charts(t, page)
			t.Errorf("%q is not on the page:\n%s", part, rest)
		}
	}
}

// write has the journal write what happened.
func write(t *testing.T, db *database.DB, notes ...journal.Note) {
	t.Helper()
	w, err := journal.NewWriter(journal.Config{DB: db, Process: database.NewProcessID(), Program: "distributor", Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range notes {
		w.Add(t.Context(), n)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestBoardReadsWhatIsThere: of journal and statistics.
func TestBoardReadsWhatIsThere(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		var notes []journal.Note
		for i := range 20 {
			notes = append(notes, journal.Note{Session: int64(i + 1), Host: "a.example", Client: fmt.Sprintf("192.0.2.%d#1a2b3c4d", i), What: journal.Started{Warm: i < 5, All: int64(i+1) * 100}})
		}
		notes = append(notes,
			journal.Note{Client: "192.0.2.1#1a2b3c4d", What: journal.Refused{Why: "all hosts are full"}},
			journal.Note{Client: "192.0.2.2#1a2b3c4d", What: journal.Refused{Why: "all hosts are full"}},
			journal.Note{Client: "192.0.2.3#1a2b3c4d", What: journal.Refused{Why: "no host has TLS"}},
			journal.Note{Host: "a.example", What: journal.HostUp{}})
		write(t, db, notes...)
		write(t, db, journal.Note{Client: "192.0.2.99#1a2b3c4d", What: journal.Refused{Why: "long ago"}})
		if _, err := db.Exec(`UPDATE journalSums SET began = '2024-06-01 10:00:00.000' WHERE reasons LIKE '%long ago%'`); err != nil {
			t.Fatal(err)
		}
		err := errors.Join(
			statistics.Write(t.Context(), db, statistics.Sample{Sessions: 7, Clients: 5, PerHost: map[string]int{"a.example": 7}}),
			statistics.SumUp(t.Context(), db))
		if err != nil {
			t.Fatal(err)
		}
		b := newBoard(t, db, fine)
		page := html(t, b, false)
		wantParts(t, page, "<h1 class=\"good\">A client can get", "a.example", "1.0 s for half of 20 sessions, 1.9 s or less for 95 of 100, 2.0 s at most", "5 of them got",
			"3 times a client got no session", "2 times: all hosts are full", "once: no host has TLS", "7.0 sessions on average, 7 at most; 5.0 clients on average")
		if strings.Contains(page, "long ago") {
			t.Error("a refusal of long ago is counted")
		}
		wantParts(t, html(t, b, true), "3 times a client got no session", "For operators")
		if strings.Contains(html(t, b, true), "a.example") {
			t.Error("all see the names of hosts")
		}
	})
}

// TestBoardLooksOnce for all who ask in the same second.
func TestBoardLooksOnce(t *testing.T) {
	var looked atomic.Int64
	b := newBoard(t, databasetest.New(t), func() (operator.Status, error) { looked.Add(1); return fine() })
	began := time.Now()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() { html(t, b, i%2 == 0) })
	}
	wg.Wait()
	if n, most := looked.Load(), 1+int64(time.Since(began)/time.Second); n > most {
		t.Errorf("looked %d times, want at most %d", n, most)
	}
}

// TestBoardOutlivesWhoAskedFirst: others wait for the same page.
func TestBoardOutlivesWhoAskedFirst(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := newBoard(t, databasetest.New(t), fine)
	page, err := b.HTML(ctx, false)
	if err != nil || !strings.Contains(string(page), "Nobody was refused") {
		t.Errorf("page of somebody who has left: %s, %v", page, err)
	}
}

// TestBoardOfWhatIsBroken is a page that says so.
func TestBoardOfWhatIsBroken(t *testing.T) {
	db := databasetest.New(t)
	b := newBoard(t, db, func() (operator.Status, error) {
		return operator.Status{}, errors.New("dial tcp 10.1.2.3:3306: refused")
	})
	for _, forAll := range []bool{false, true} {
		page := html(t, b, forAll)
		wantParts(t, page, "Nobody knows whether a client gets a session: the database does not answer.")
		if strings.Contains(page, "10.1.2.3") {
			t.Error("the page has what the log is for")
		}
	}
	b = newBoard(t, db, func() (operator.Status, error) {
		return operator.Status{
			Sentence: "Nobody gets a new session: the database takes no writes.", Outage: &operator.Outage{Database: "sqlite /d/x.db"},
			Wrong: []operator.Wrong{{What: "The database sqlite /d/x.db takes no writes since noon.", Mend: "fuser -v x"}},
		}, errors.New("locked")
	})
	wantParts(t, html(t, b, false), "<h1>Nobody gets a new session: the database takes no writes.</h1>", "sqlite /d/x.db takes no writes since noon.", "<code>fuser -v x</code>")
	if page := html(t, b, true); strings.Contains(page, "/d/x.db") || !strings.Contains(page, "the database takes no writes") {
		t.Errorf("the page for everybody has what operators know, or no sentence:\n%s", page)
	}
	for _, table := range []string{"journalSums", "statisticsHours"} {
		if _, err := db.Exec(`DROP TABLE ` + table); err != nil {
			t.Fatal(err)
		}
	}
	wantParts(t, html(t, newBoard(t, db, fine), false), "A client can get", "the journal could not be read", "the statistics could not be read")
}

// TestNobodyWaitsForTheDashboard: on SQLite a page is read while the connection of
// requests is taken.
func TestNobodyWaitsForTheDashboard(t *testing.T) {
	db := databasetest.New(t)
	tx, err := db.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	wantParts(t, html(t, newBoard(t, db, fine), false), "Nobody was refused", "Nothing is known yet")
}

// TestPastIsReadNowAndThen: there is something new once a minute.
func TestPastIsReadNowAndThen(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		db := databasetest.New(t)
		b := newBoard(t, db, fine)
		wantParts(t, html(t, b, false), "Nothing is known yet")
		if _, err := db.Exec(`DROP TABLE statisticsHours`); err != nil {
			t.Fatal(err)
		}
		time.Sleep(29 * time.Second)
		wantParts(t, html(t, b, false), "Nothing is known yet")
		time.Sleep(2 * time.Second)
		wantParts(t, html(t, b, false), "the statistics could not be read")
	})
}
