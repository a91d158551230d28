package journal

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"wrpdistributor/internal/database"
)

// Counts are of all sessions that began, and all clients that were refused.
type Counts struct {
	Starts   Waits
	Refused  int        // times
	Refusals []Refusals // the most frequent first; of very many reasons not all
}

// Waits is how long clients waited for sessions that began, to as much as people read of
// it: a hundredth of a second, and of seconds a tenth.
type Waits struct {
	Count   int
	Warm    int // of those, with a container that had waited
	Median  time.Duration
	P95     time.Duration
	Slowest time.Duration
}

// Refusals is how often clients were refused for a reason.
type Refusals struct {
	Why   string `db:"why"`
	Times int    `db:"n"`
}

// Count returns what there was since a time, to five minutes, however much that is.
func Count(ctx context.Context, db *database.DB, since time.Time) (Counts, error) {
	all := newSums()
	var rows []sumsRow
	err := db.SelectContext(ctx, &rows, `SELECT warm, refused, waits, reasons FROM journalSums WHERE began >= ?`, stamp(since.Truncate(sumsOf)))
	if err == nil {
		err = countUnsummed(ctx, db, since, all)
	}
	if err != nil {
		return Counts{}, readError(err)
	}
	for _, r := range rows {
		all.addRow(r)
	}
	return Counts{all.starts(), all.refused, all.refusals()}, nil
}

func (s *sums) starts() Waits {
	w := Waits{Warm: s.warm}
	for _, n := range s.waits {
		w.Count += n
	}
	seen := 0
	for _, took := range slices.Sorted(maps.Keys(s.waits)) {
		if seen*100 < w.Count*50 {
			w.Median = ms(took)
		}
		if seen*100 < w.Count*95 {
			w.P95 = ms(took)
		}
		seen, w.Slowest = seen+s.waits[took], ms(took)
	}
	return w
}

func (s *sums) refusals() (list []Refusals) {
	for why, n := range s.reasons {
		list = append(list, Refusals{why, n})
	}
	slices.SortFunc(list, func(a, b Refusals) int { return cmp.Or(b.Times-a.Times, cmp.Compare(a.Why, b.Why)) })
	return list
}
