package database

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// Lease makes holder the one process that does a job, for term in whole seconds,
// unless another holder has a lease that has not expired. It reports whether holder
// has the lease now. A holder takes it again before it expires, and alone can end it
// early, by [DB.EndLease].
func (db *DB) Lease(ctx context.Context, job, holder string, term time.Duration) (bool, error) {
	var got bool
	seconds := int(term / time.Second)
	err := InTx(ctx, db, func(tx *sqlx.Tx) error {
		res, err := tx.ExecContext(ctx, `
			UPDATE leases SET holder = ?, expires = `+db.SecondsAgo()+`
			WHERE name = ? AND (holder = ? OR expires <= `+db.Now()+`)`, holder, -seconds, job, holder)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if got = n > 0; got || err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO leases (name, holder, expires) VALUES (?, ?, `+db.SecondsAgo()+`)`, job, holder, -seconds)
		got = err == nil
		if IsDuplicate(err) {
			return nil
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("lease of %s: %w", job, err)
	}
	return got, nil
}

// EndLease makes a job free for others, if holder has the lease of it.
func (db *DB) EndLease(ctx context.Context, job, holder string) error {
	if _, err := db.ExecContext(ctx, `DELETE FROM leases WHERE name = ? AND holder = ?`, job, holder); err != nil {
		return fmt.Errorf("end lease of %s: %w", job, err)
	}
	return nil
}
