package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
)

// stampLayout is how times are written, so that they can be compared as text. Drivers
// would cut the fractions of a [time.Time].
const stampLayout = "2006-01-02 15:04:05.000"

func stamp(t time.Time) string { return t.UTC().Format(stampLayout) }

// A row is an entry as it is written.
type row struct {
	Process  string
	Number   int64 // of those of the process
	Program  string
	Kind     string
	At       string
	Last     string
	Times    int
	Request  string
	Requests string // separated by spaces
	Session  int64
	Host     string
	Address  string
	Hash     string
	Detail   string

	// Of what may happen again.
	first, last time.Time
	requests    []string
	written     bool
	changed     bool // since it was written
}

// set fills in what happened.
func (r *row) set(n Note) {
	detail, err := json.Marshal(cut(n.What))
	if err != nil {
		detail = []byte("{}") // no kind has anything that has no JSON
	}
	r.Kind, r.Detail = n.What.kind(), string(detail)
	r.Session, r.Host = n.Session, n.Host
	r.Address, r.Hash = splitClient(n.Client)
}

// store writes a batch. What was written by an attempt whose answer was lost is left.
func (w *Writer) store(b *batch) error {
	ctx, cancel := context.WithTimeout(w.alive, writeTime)
	defer cancel()
	if len(b.added) > 0 {
		if err := w.insert(ctx, b.added); err != nil {
			return fmt.Errorf("write journal: %w", err)
		}
	}
	if len(b.changed) == 0 {
		return nil
	}
	err := database.InTx(ctx, w.db, func(tx *sqlx.Tx) error { return count(ctx, tx, b.changed) })
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

const (
	columns = `(process, number, program, kind, firstAt, lastAt, times, request, requests, sessionId, containerHost, clientIp, clientHash, detail)`
	values  = `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

func (w *Writer) insert(ctx context.Context, added []row) error {
	var args []any
	for _, r := range added {
		args = append(args, r.Process, r.Number, r.Program, r.Kind, r.At, r.Last, r.Times, r.Request, r.Requests, r.Session, r.Host, r.Address, r.Hash, r.Detail)
	}
	_, err := w.db.ExecContext(ctx, w.db.InsertIgnore()+` INTO journal `+columns+` VALUES `+values+strings.Repeat(`, `+values, len(added)-1), args...)
	return err
}

// count writes how often something has happened.
func count(ctx context.Context, tx *sqlx.Tx, changed []row) error {
	for _, r := range changed {
		_, err := tx.ExecContext(ctx, `UPDATE journal SET times = ?, lastAt = ?, requests = ? WHERE process = ? AND number = ?`,
			r.Times, r.Last, r.Requests, r.Process, r.Number)
		if err != nil {
			return err
		}
	}
	return nil
}

// prune removes old entries.
func prune(ctx context.Context, db *database.DB, keep time.Duration) (int, error) {
	before := stamp(time.Now().Add(-keep))
	n, err := database.Prune(ctx, db, "journal", "firstAt", `lastAt < ? AND firstAt < ?`, before, before)
	switch {
	case database.IsNoTable(err):
		return n, nil // what this process works with has none yet
	case err != nil:
		return n, fmt.Errorf("prune journal: %w", err)
	}
	return n, nil
}
