package journal_test

import (
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/journal"
)

const amiga = "192.0.2.1#1a2b3c4d"

func newWriter(t *testing.T, db *database.DB, hashOnly bool) *journal.Writer {
	t.Helper()
	return open(t, db, hashOnly, t.Output())
}

// newLoggingWriter returns a writer and what it logs.
func newLoggingWriter(t *testing.T, db *database.DB) (*journal.Writer, *logText) {
	t.Helper()
	log := &logText{}
	return open(t, db, false, log), log
}

// A logText is what was logged.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func open(t *testing.T, db *database.DB, hashOnly bool, log io.Writer) *journal.Writer {
	t.Helper()
	w, err := journal.NewWriter(journal.Config{
		DB: db, Process: database.NewProcessID(), Program: "distributor", HashOnly: hashOnly,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, w) })
	return w
}

// closed has everything written that was noted.
func closed(t *testing.T, w *journal.Writer) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func read(t *testing.T, db *database.DB, q journal.Query) []journal.Entry {
	t.Helper()
	list, err := journal.Read(t.Context(), db, q)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func why(t *testing.T, db *database.DB, about string) []journal.Entry {
	t.Helper()
	list, err := journal.Why(t.Context(), db, about)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func sentences(list []journal.Entry) (all []string) {
	for _, e := range list {
		all = append(all, e.Sentence(time.UTC))
	}
	return all
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
