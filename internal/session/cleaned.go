package session

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"wrpdistributor/internal/database"
)

// NoteCleaned writes down that a pass of cleanup has just ended, for all who watch that
// somebody cleans. A database of an earlier version has no place for it.
func (st *Store) NoteCleaned(ctx context.Context) error {
	_, err := database.Exec(ctx, st.db, `UPDATE pool SET cleanedAt = `+st.db.Now()+` WHERE id = 1`)
	if err != nil && !database.IsNoColumn(err) {
		return fmt.Errorf("note that cleanup passed: %w", err)
	}
	return nil
}

// cleaned returns when the last pass ended; zero: that is not known.
func (st *Store) cleaned(ctx context.Context) (time.Time, error) {
	var at sql.NullTime
	err := ask(ctx, func(ctx context.Context) error {
		return st.db.GetContext(ctx, &at, `SELECT cleanedAt FROM pool WHERE id = 1`)
	})
	if err != nil && !database.IsNoColumn(err) {
		return time.Time{}, fmt.Errorf("look up when cleanup passed: %w", err)
	}
	return at.Time, nil
}
