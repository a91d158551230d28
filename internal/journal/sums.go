package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

const (
	// sumsOf is how long a time one row of sums is about: a day has 288 of each process.
	sumsOf = 5 * time.Minute

	maxSummed = 50 // reasons of one row; of more, only the number of refusals is kept
)

// sums are what is counted of entries.
type sums struct {
	warm    int            // of the starts, with a container that had waited
	refused int            // times
	waits   map[int64]int  // starts, by how many ms they took, as rounded
	reasons map[string]int // times, by why
}

func newSums() *sums { return &sums{waits: make(map[int64]int), reasons: make(map[string]int)} }

// add counts what has happened so often.
func (s *sums) add(w What, times int) {
	switch w := w.(type) {
	case Started:
		s.waits[rounded(w.All)] += times
		if w.Warm {
			s.warm += times
		}
	case Refused:
		s.refused += times
		s.reasons[w.Why] += times
	}
}

// rounded makes ms what people read of them: a hundredth of a second, and of seconds a
// tenth.
func rounded(ms int64) int64 {
	if ms < 1000 {
		return ms - ms%10
	}
	return ms - ms%100
}

// A sumsRow is sums as they are written.
type sumsRow struct {
	ID      int64  `db:"id"`
	Warm    int    `db:"warm"`
	Refused int    `db:"refused"`
	Waits   string `db:"waits"`   // as 120:3 1200:1
	Reasons string `db:"reasons"` // as JSON
}

// row writes sums down, of the reasons as many as fit, the most frequent first.
func (s *sums) row() sumsRow {
	var waits strings.Builder
	for _, took := range slices.Sorted(maps.Keys(s.waits)) {
		fmt.Fprintf(&waits, "%d:%d ", took, s.waits[took])
	}
	reasons := make(map[string]int)
	for _, r := range s.refusals()[:min(maxSummed, len(s.reasons))] {
		reasons[r.Why] = r.Times
	}
	text, _ := json.Marshal(reasons) // which has nothing that JSON has not
	return sumsRow{Warm: s.warm, Refused: s.refused, Waits: strings.TrimSpace(waits.String()), Reasons: string(text)}
}

// addRow is the opposite of row. Nobody else writes rows: what cannot be read is left out.
func (s *sums) addRow(r sumsRow) {
	s.warm += r.Warm
	s.refused += r.Refused
	for wait := range strings.FieldsSeq(r.Waits) {
		took, times, _ := strings.Cut(wait, ":")
		ms, err := strconv.ParseInt(took, 10, 64)
		if n, _ := strconv.Atoi(times); err == nil && n > 0 {
			s.waits[ms] += n
		}
	}
	var reasons map[string]int
	if json.Unmarshal([]byte(r.Reasons), &reasons) == nil {
		for why, n := range reasons {
			s.reasons[why] += n
		}
	}
}

// sumUp adds what is new of entries to the sums of when it happened last.
func (w *Writer) sumUp(ctx context.Context, tx *sqlx.Tx, rows []row) error {
	news := make(map[string]*sums)
	for _, r := range rows {
		switch r.what.(type) {
		case Started, Refused:
			began := stamp(r.last.Truncate(sumsOf))
			if news[began] == nil {
				news[began] = newSums()
			}
			news[began].add(r.what, r.Times-r.stored)
		}
	}
	for began, s := range news {
		if err := w.addSums(ctx, tx, began, s); err != nil {
			return err
		}
	}
	return nil
}

// addSums writes the row of a time, which is of this process alone, anew.
func (w *Writer) addSums(ctx context.Context, tx *sqlx.Tx, began string, s *sums) error {
	var old []sumsRow
	err := tx.SelectContext(ctx, &old, `SELECT id, warm, refused, waits, reasons FROM journalSums WHERE process = ? AND began = ?`, w.cfg.Process, began)
	if err != nil {
		return err
	}
	for _, r := range old {
		s.addRow(r)
	}
	r := s.row()
	if len(old) == 0 {
		_, err = tx.ExecContext(ctx, `INSERT INTO journalSums (process, began, warm, refused, waits, reasons) VALUES (?, ?, ?, ?, ?, ?)`,
			w.cfg.Process, began, r.Warm, r.Refused, r.Waits, r.Reasons)
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE journalSums SET warm = ?, refused = ?, waits = ?, reasons = ? WHERE id = ?`, r.Warm, r.Refused, r.Waits, r.Reasons, old[0].ID)
	return err
}
