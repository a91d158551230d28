package session

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
)

// A counter says how many rows of a host there are. It changes in the transaction that
// inserts or deletes rows, after these: so whoever has a counter's lock waits for no
// row. Replicas of earlier versions, and people, do not keep counters. One that is wrong
// is noticed by claims, and by each pass of cleanup, and corrected.

// count adds the claims' rows to the counters.
func (b *batch) count(ctx context.Context) error {
	added := make(map[string]int)
	var missing []string
	for _, p := range b.open() {
		if added[p.at.Host]++; !b.room(p.at.Host).counted {
			b.room(p.at.Host).counted = true
			missing = append(missing, p.at.Host)
		}
	}
	if err := addCounters(ctx, b.tx, missing); err != nil {
		return err
	}
	return setCounters(ctx, b.tx, `taken + `, added)
}

// addCounters adds counters of nothing.
func addCounters(ctx context.Context, tx *sqlx.Tx, hosts []string) error {
	for _, host := range hosts {
		if _, err := tx.ExecContext(ctx, `INSERT INTO counters (containerHost, taken) VALUES (?, 0)`, host); err != nil {
			return err
		}
	}
	return nil
}

// setCounters sets counters to numbers, or to what they are and those.
func setCounters(ctx context.Context, tx *sqlx.Tx, plus string, numbers map[string]int) error {
	if len(numbers) == 0 {
		return nil
	}
	var args []any
	names := slices.Sorted(maps.Keys(numbers))
	for _, host := range names {
		args = append(args, host, numbers[host])
	}
	args = append(args, names)
	return execIn(ctx, tx, `UPDATE counters SET taken = `+plus+`CASE containerHost`+
		strings.Repeat(` WHEN ? THEN ?`, len(names))+` END WHERE containerHost IN (?)`, args...)
}

// inUse returns how many slots of each host the next client cannot have, as far as is
// known without counting rows.
func (st *Store) inUse(ctx context.Context) (m map[string]int, err error) {
	err = ask(ctx, func(ctx context.Context) error {
		m, err = hostCounts(ctx, st.db, `
			SELECT containerHost, SUM(slots) AS n FROM (
				SELECT containerHost, taken AS slots FROM counters
				UNION ALL
				SELECT containerHost, -COUNT(*) FROM sessions WHERE state IN ('warm', 'warming') GROUP BY containerHost) AS parts
			GROUP BY containerHost`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count sessions: %w", err)
	}
	return m, nil
}

// Recount corrects the counters that are wrong.
func (st *Store) Recount(ctx context.Context) error {
	// One statement sees rows and counters as of one moment.
	var wrong []string
	err := st.db.SelectContext(ctx, &wrong, `
		SELECT r.containerHost FROM (`+countRows+`GROUP BY containerHost) AS r
			LEFT JOIN counters ON counters.containerHost = r.containerHost
		WHERE taken IS NULL OR taken <> n
		UNION ALL
		SELECT containerHost FROM counters
		WHERE taken <> 0 AND NOT EXISTS (SELECT 1 FROM sessions WHERE sessions.containerHost = counters.containerHost)`)
	if err == nil {
		err = st.repairCounters(ctx, wrong)
	}
	if err != nil {
		return fmt.Errorf("count sessions: %w", err)
	}
	return nil
}

// repairCounters counts the rows of hosts, and corrects their counters.
func (st *Store) repairCounters(ctx context.Context, hosts []string) error {
	if len(hosts) == 0 {
		return nil
	}
	return database.InTx(ctx, st.db, func(tx *sqlx.Tx) error {
		if err := database.LockPool(ctx, tx); err != nil {
			return err
		}
		known, err := lockCounters(ctx, tx, hosts)
		if err != nil {
			return err
		}
		missing := slices.DeleteFunc(slices.Clone(hosts), func(host string) bool { return slices.Contains(known, host) })
		if err := addCounters(ctx, tx, missing); err != nil {
			return err
		}
		rows, err := rowsOn(ctx, tx, hosts)
		if err != nil {
			return err
		}
		return setCounters(ctx, tx, "", rows)
	})
}

// rowsOn returns how many rows each of those hosts has.
func rowsOn(ctx context.Context, tx *sqlx.Tx, hosts []string) (map[string]int, error) {
	query, args, err := sqlx.In(countRows+`WHERE containerHost IN (?) GROUP BY containerHost`, hosts)
	if err != nil {
		return nil, err
	}
	rows, err := hostCounts(ctx, tx, query, args...)
	if err != nil {
		return nil, err
	}
	for _, host := range hosts {
		rows[host] += 0 // those that have none are asked for as well
	}
	return rows, nil
}

// lockCounters keeps others from changing the counters of hosts, and so from deleting
// their rows, and returns which hosts have one.
func lockCounters(ctx context.Context, tx *sqlx.Tx, hosts []string) ([]string, error) {
	if err := execIn(ctx, tx, `UPDATE counters SET taken = taken WHERE containerHost IN (?)`, hosts); err != nil {
		return nil, err
	}
	return selectIn[string](ctx, tx, `SELECT containerHost FROM counters WHERE containerHost IN (?)`, hosts)
}

// hostCounts returns a number for each host.
func hostCounts(ctx context.Context, q sqlx.QueryerContext, query string, args ...any) (map[string]int, error) {
	var list []struct {
		Host string `db:"containerHost"`
		N    int    `db:"n"`
	}
	if err := sqlx.SelectContext(ctx, q, &list, query, args...); err != nil {
		return nil, err
	}
	m := make(map[string]int, len(list))
	for _, c := range list {
		m[c.Host] = c.N
	}
	return m, nil
}

// selectIn returns the rows of a query whose lists are slices in args.
func selectIn[T any](ctx context.Context, q sqlx.QueryerContext, query string, args ...any) ([]T, error) {
	query, args, err := sqlx.In(query, args...)
	if err != nil {
		return nil, err
	}
	var list []T
	err = sqlx.SelectContext(ctx, q, &list, query, args...)
	return list, err
}

// execIn runs a statement whose lists are slices in args.
func execIn(ctx context.Context, tx *sqlx.Tx, query string, args ...any) error {
	query, args, err := sqlx.In(query, args...)
	if err == nil {
		_, err = tx.ExecContext(ctx, query, args...)
	}
	return err
}
