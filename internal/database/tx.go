package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jmoiron/sqlx"
)

const (
	txAttempts = 10
	txElapsed  = 15 * time.Second

	// txDropped is how many connections in a row a transaction may lose before anything
	// was committed: one kept from before a failover, one more that another goroutine
	// gave back meanwhile.
	txDropped = 2
)

// ErrUncertain means that a commit failed. Unless the server says why, nobody knows
// whether it was made: look.
var ErrUncertain = errors.New("commit")

// InTx runs fn in a transaction and commits it if fn returns nil.
//
// If another transaction got in the way (a deadlock, a lock that did not come
// free), or the server has become read-only, everything is rolled back and fn is run
// again, after a short random pause and not for ever: fn must set what it returns anew each time, and do
// nothing outside the database, least of all talk to a host while rows are
// locked. It is not run again after a commit of unknown outcome ([ErrUncertain]).
func InTx(ctx context.Context, db *DB, fn func(*sqlx.Tx) error) error {
	return retry(ctx, db, func() error { return runTx(ctx, db, fn) })
}

// Exec runs a statement that is a transaction of its own, and again when [InTx] would. It
// costs one round trip, a transaction three.
func Exec(ctx context.Context, db *DB, query string, args ...any) (res sql.Result, err error) {
	err = retry(ctx, db, func() (err error) {
		res, err = db.ExecContext(ctx, query, args...)
		return err
	})
	return res, err
}

func retry(ctx context.Context, db *DB, do func() error) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval = 5 * time.Millisecond
	pauses.MaxInterval = 500 * time.Millisecond
	dropped := 0
	attempt := func() (struct{}, error) {
		err := do()
		switch {
		case errors.Is(err, driver.ErrBadConn) && dropped < txDropped:
			dropped++
			db.dropKept()
		case err != nil && !isConflict(err):
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}
	_, err := backoff.Retry(ctx, attempt, backoff.WithBackOff(pauses),
		backoff.WithMaxTries(txAttempts), backoff.WithMaxElapsedTime(txElapsed))
	if errors.Is(err, driver.ErrBadConn) {
		return fmt.Errorf("%w: %w", errReadOnly, err)
	}
	return err
}

// dropKept closes the connections that nobody uses now. If one of them led to a server
// that is read-only now, the others do.
func (db *DB) dropKept() {
	db.SetMaxIdleConns(0)
	db.SetMaxIdleConns(connections)
}

func runTx(ctx context.Context, db *DB, fn func(*sqlx.Tx) error) (err error) {
	began := time.Now()
	defer func() { db.measures.done(transaction, began, err) }()
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer tx.Rollback() // nothing to do after Commit
	if err = fn(tx); err == nil {
		if err = tx.Commit(); err != nil {
			err = fmt.Errorf("%w: %w", ErrUncertain, err)
		}
	}
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		return ctx.Err() // which is why it is done
	}
	return err
}

const lockPool = `SELECT id FROM pool WHERE id = 1 FOR UPDATE`

// LockPool makes tx the only transaction that claims a slot, until it ends. It
// must be the first statement of tx, which then sees all claims made before.
func LockPool(ctx context.Context, tx *sqlx.Tx) error {
	if tx.DriverName() != "mysql" {
		return nil // BEGIN IMMEDIATE has locked the whole database
	}
	var id int
	if err := tx.GetContext(ctx, &id, lockPool); err != nil {
		return fmt.Errorf("lock pool: %w", err)
	}
	return nil
}
