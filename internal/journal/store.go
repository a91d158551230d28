package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
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

	what   What // as cut
	stored int  // times that are written; 0: the entry is not

	// Of what may happen again.
	first, last time.Time
	requests    []string
	changed     bool // since it was written
}

// set fills in what happened.
func (r *row) set(n Note) {
	r.what = cut(n.What)
	detail, err := json.Marshal(r.what)
	if err != nil {
		detail = []byte("{}") // no kind has anything that has no JSON
	}
	r.Kind, r.Detail = n.What.kind(), string(detail)
	r.Session, r.Host = n.Session, n.Host
	r.Address, r.Hash = splitClient(n.Client)
}

// store writes a batch and adds it to the sums, or neither.
func (w *Writer) store(b *batch) error {
	ctx, cancel := context.WithTimeout(w.alive, writeTime)
	defer cancel()
	err := database.InTx(ctx, w.db, func(tx *sqlx.Tx) (err error) {
		added, changed := b.added, b.changed
		if w.unsure {
			if added, changed, err = w.unwritten(ctx, tx, b); err != nil {
				return err
			}
		}
		w.unsure = true // until the answer to the commit is here
		if len(added) > 0 {
			err = w.insert(ctx, tx, added)
		}
		if err == nil {
			err = count(ctx, tx, changed)
		}
		if err == nil {
			err = w.sumUp(ctx, tx, slices.Concat(added, changed))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	w.unsure = false
	return nil
}

// unwritten returns what is left of a batch after an attempt whose answer was lost.
func (w *Writer) unwritten(ctx context.Context, tx *sqlx.Tx, b *batch) (added, changed []row, err error) {
	var numbers []int64
	for _, r := range slices.Concat(b.added, b.changed) {
		numbers = append(numbers, r.Number)
	}
	query, args, err := sqlx.In(`SELECT number, times FROM journal WHERE process = ? AND number IN (?)`, w.cfg.Process, numbers)
	if err != nil {
		return nil, nil, err
	}
	var found []struct {
		Number int64 `db:"number"`
		Times  int   `db:"times"`
	}
	if err := tx.SelectContext(ctx, &found, query, args...); err != nil {
		return nil, nil, err
	}
	written := make(map[int64]int) // times, by number
	for _, f := range found {
		written[f.Number] = f.Times
	}
	for _, r := range b.added {
		if written[r.Number] == 0 {
			added = append(added, r)
		}
	}
	for _, r := range slices.Concat(b.added, b.changed) {
		if r.stored = written[r.Number]; 0 < r.stored && r.stored < r.Times {
			changed = append(changed, r)
		}
	}
	return added, changed, nil
}

const (
	columns = `(process, number, program, kind, firstAt, lastAt, times, request, requests, sessionId, containerHost, clientIp, clientHash, detail)`
	values  = `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

func (w *Writer) insert(ctx context.Context, tx *sqlx.Tx, added []row) error {
	var args []any
	for _, r := range added {
		args = append(args, r.Process, r.Number, r.Program, r.Kind, r.At, r.Last, r.Times, r.Request, r.Requests, r.Session, r.Host, r.Address, r.Hash, r.Detail)
	}
	_, err := tx.ExecContext(ctx, w.db.InsertIgnore()+` INTO journal `+columns+` VALUES `+values+strings.Repeat(`, `+values, len(added)-1), args...)
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

// prune removes old entries, and returns how many, and their sums.
func prune(ctx context.Context, db *database.DB, keep time.Duration) (int, error) {
	before := time.Now().Add(-keep)
	n, err := database.Prune(ctx, db, "journal", "firstAt", `lastAt < ? AND firstAt < ?`, stamp(before), stamp(before))
	if err == nil {
		_, err = database.Prune(ctx, db, "journalSums", "began", `began < ?`, stamp(before.Add(-sumsOf)))
	}
	switch {
	case database.IsNoTable(err):
		return n, nil // what this process works with has none yet
	case err != nil:
		return n, fmt.Errorf("prune journal: %w", err)
	}
	return n, nil
}
