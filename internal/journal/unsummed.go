package journal

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
)

// countUnsummed adds the entries of processes of earlier versions, which write no sums.
// That reads all of them; processes are forgotten a day after they were seen last.
func countUnsummed(ctx context.Context, db *database.DB, since time.Time, s *sums) error {
	var processes []string
	err := db.SelectContext(ctx, &processes, `SELECT id FROM processes WHERE NOT sums`)
	if err != nil || len(processes) == 0 {
		return err
	}
	if err := countStarts(ctx, db, since, processes, s); err != nil {
		return err
	}
	return countRefusals(ctx, db, since, processes, s)
}

func countStarts(ctx context.Context, db *database.DB, since time.Time, processes []string, s *sums) error {
	var rows []struct {
		Took int64 `db:"took"`
		Warm int   `db:"warm"`
		N    int   `db:"n"`
	}
	err := selectIn(ctx, db, &rows, `
		SELECT took, SUM(warm) AS warm, COUNT(*) AS n
		FROM (
			SELECT CAST(COALESCE(`+db.Field("detail", "allMs")+`, 0) AS SIGNED) AS took,
				CASE WHEN `+db.Field("detail", "warm")+` IS NULL THEN 0 ELSE 1 END AS warm
			FROM journal WHERE kind = ? AND firstAt >= ? AND process IN (?) AND JSON_VALID(detail)
		) AS starts GROUP BY took`, Started{}.kind(), stamp(since), processes)
	for _, r := range rows {
		s.waits[rounded(r.Took)] += r.N
		s.warm += r.Warm
	}
	return err
}

func countRefusals(ctx context.Context, db *database.DB, since time.Time, processes []string, s *sums) error {
	var rows []Refusals
	err := selectIn(ctx, db, &rows, `
		SELECT why, SUM(times) AS n
		FROM (
			SELECT COALESCE(`+db.Field("detail", "why")+`, '') AS why, times
			FROM journal WHERE kind = ? AND firstAt >= ? AND lastAt >= ? AND process IN (?) AND JSON_VALID(detail)
		) AS refusals GROUP BY why`, Refused{}.kind(), stamp(since.Add(-sameFor-sameWithin)), stamp(since), processes)
	for _, r := range rows {
		s.reasons[r.Why] += r.Times
		s.refused += r.Times
	}
	return err
}

func selectIn(ctx context.Context, db *database.DB, into any, query string, args ...any) error {
	query, args, err := sqlx.In(query, args...)
	if err != nil {
		return err
	}
	return db.SelectContext(ctx, into, query, args...)
}
