package session

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
)

// A Drained host takes no new sessions, and keeps its own until they end.
type Drained struct {
	Host   string    `db:"containerHost"`
	Since  time.Time `db:"drainedAt"`
	Reason string    `db:"reason"`
}

// Drain makes a host take no new sessions. Draining twice keeps the first time,
// and the last reason.
func (st *Store) Drain(ctx context.Context, host, reason string) error {
	err := database.InTx(ctx, st.db, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO hosts (containerHost, drainedAt, reason) VALUES (?, `+st.db.Now()+`, ?)`, host, reason)
		if database.IsDuplicate(err) {
			_, err = tx.ExecContext(ctx, `UPDATE hosts SET reason = ? WHERE containerHost = ?`, reason, host)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("drain host %s: %w", host, err)
	}
	return nil
}

// Undrain makes a host take sessions again. False: it was not drained.
func (st *Store) Undrain(ctx context.Context, host string) (bool, error) {
	return st.change(ctx, `DELETE FROM hosts WHERE containerHost = ?`, host)
}

// Drained returns the hosts that are drained, by name.
func (st *Store) Drained(ctx context.Context) (map[string]Drained, error) {
	return drained(ctx, st.db)
}

func drained(ctx context.Context, q sqlx.QueryerContext) (map[string]Drained, error) {
	var list []Drained
	if err := sqlx.SelectContext(ctx, q, &list, `SELECT containerHost, drainedAt, reason FROM hosts`); err != nil {
		return nil, fmt.Errorf("look up drained hosts: %w", err)
	}
	m := make(map[string]Drained)
	for _, d := range list {
		m[d.Host] = d
	}
	return m, nil
}

func (d Drained) why() string {
	if d.Reason == "" {
		return "draining"
	}
	return "draining: " + d.Reason
}
