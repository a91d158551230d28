package journal

import (
	"context"
	"time"

	"wrpdistributor/internal/database"
)

// Waits is how long clients waited for sessions that began, to as much as people read of
// it: a hundredth of a second, and of seconds a tenth.
type Waits struct {
	Count   int
	Warm    int // of those, with a container that had waited
	Median  time.Duration
	P95     time.Duration
	Slowest time.Duration
}

// CountStarts returns them of all sessions that began since a time, however many these are.
func CountStarts(ctx context.Context, db *database.DB, since time.Time) (Waits, error) {
	var rows []struct {
		Took int64 `db:"rounded"`
		Warm int   `db:"warm"`
		N    int   `db:"n"`
	}
	err := db.SelectContext(ctx, &rows, `
		SELECT took - took % CASE WHEN took < 1000 THEN 10 ELSE 100 END AS rounded, SUM(warm) AS warm, COUNT(*) AS n
		FROM (
			SELECT CAST(COALESCE(`+db.Field("detail", "allMs")+`, 0) AS SIGNED) AS took,
				CASE WHEN `+db.Field("detail", "warm")+` IS NULL THEN 0 ELSE 1 END AS warm
			FROM journal WHERE kind = ? AND firstAt >= ?
		) AS starts GROUP BY rounded ORDER BY rounded`, Started{}.kind(), stamp(since))
	if err != nil {
		return Waits{}, readError(err)
	}
	var w Waits
	for _, r := range rows {
		w.Count, w.Warm = w.Count+r.N, w.Warm+r.Warm
	}
	seen := 0
	for _, r := range rows {
		took := ms(r.Took)
		if seen*100 < w.Count*50 {
			w.Median = took
		}
		if seen*100 < w.Count*95 {
			w.P95 = took
		}
		seen, w.Slowest = seen+r.N, took
	}
	return w, nil
}

// Refusals is how often clients were refused for a reason.
type Refusals struct {
	Why   string `db:"why"`
	Times int    `db:"n"`
}

// CountRefusals returns how often clients were refused since a time, and the most frequent
// reasons, at most so many.
func CountRefusals(ctx context.Context, db *database.DB, since time.Time, most int) (times int, list []Refusals, err error) {
	var rows []struct {
		Refusals
		Total int `db:"total"`
	}
	err = db.SelectContext(ctx, &rows, `
		SELECT COALESCE(why, '') AS why, SUM(times) AS n, SUM(SUM(times)) OVER () AS total
		FROM (
			SELECT `+db.Field("detail", "why")+` AS why, times
			FROM journal WHERE kind = ? AND firstAt >= ? AND lastAt >= ?
		) AS refusals GROUP BY why ORDER BY n DESC, why LIMIT ?`,
		Refused{}.kind(), stamp(since.Add(-sameFor-sameWithin)), stamp(since), most)
	if err != nil {
		return 0, nil, readError(err)
	}
	for _, r := range rows {
		times = r.Total
		list = append(list, r.Refusals)
	}
	return times, list, nil
}
