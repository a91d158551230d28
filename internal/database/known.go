package database

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// A KnownProcess is one that works with the database, or did within the last day.
type KnownProcess struct {
	Process
	Started time.Time    `db:"started"`
	Stopped sql.NullTime `db:"stopped"` // it ended as it should
	Silent  bool         `db:"silent"`  // it did not, and is taken for dead
}

// Lives reports whether the process is neither stopped nor dead.
func (p KnownProcess) Lives() bool { return !p.Stopped.Valid && !p.Silent }

// Known returns all processes of the last day, in the order in which they started.
func (db *DB) Known(ctx context.Context) ([]KnownProcess, error) {
	var list []KnownProcess
	err := sqlx.SelectContext(ctx, db, &list, `
		SELECT id, kind, version, instance, machine, gatewayAddress, gatewayTLSAddress, COALESCE(pool, '') AS pool, seen, started, stopped,
			stopped IS NULL AND seen <= `+db.SecondsAgo()+` AS silent
		FROM processes ORDER BY started, id`, int(DeadAfter/time.Second))
	if err != nil {
		return nil, fmt.Errorf("look up processes: %w", err)
	}
	return list, nil
}
