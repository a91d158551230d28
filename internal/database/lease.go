package database

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// Lease makes holder the one who does a job, until so many seconds from now, and
// reports whether it is: nobody else had a lease that has not expired. The holder
// takes it again in good time, and is the only one who can end it early.
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

// EndLease gives a job up, if holder has it.
func (db *DB) EndLease(ctx context.Context, job, holder string) error {
	if _, err := db.ExecContext(ctx, `DELETE FROM leases WHERE name = ? AND holder = ?`, job, holder); err != nil {
		return fmt.Errorf("end lease of %s: %w", job, err)
	}
	return nil
}
