package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	goosestore "github.com/pressly/goose/v3/database"
)

// lockedMySQL runs fn on the very connection that holds the lock, and on no
// other: if this process is killed, the server may still be busy with its last
// statement, and must not give the lock away before that has ended.
func (db *DB) lockedMySQL(ctx context.Context, fn func(*sql.DB) error) error {
	// Copying a large table takes its time, so there is no limit to an answer.
	// Nor is the connection dropped by a read-only server, which is to be named as one.
	c, err := newConnector(db.cfg.MySQL, 0, false)
	if err != nil {
		return err
	}
	pool := sql.OpenDB(&onceConnector{Connector: c})
	pool.SetMaxOpenConns(1)
	defer pool.Close() // and with it the lock

	// Lock names are the whole server's.
	var got sql.NullBool
	err = pool.QueryRowContext(ctx, `SELECT GET_LOCK(CONCAT('wrp-distributor.', LEFT(SHA2(DATABASE(), 256), 32)), ?)`,
		int(db.lockWait.Seconds())).Scan(&got)
	if err != nil {
		return fmt.Errorf("take the migration lock: %w", err)
	}
	if !got.Bool {
		return errLocked(db.cfg.MySQL.DBName, db.lockWait)
	}
	// The process that migrated before may have been killed on the way.
	if err := errors.Join(dropEmptyVersions(ctx, pool), dropLeftovers(ctx, pool), makeVersions(ctx, pool)); err != nil {
		return err
	}
	return fn(pool)
}

// makeVersions makes the version table, if there is none, as goose does. But goose
// tries again if that fails, finds the table there, and only says that its first row
// is missing; the reason is lost.
func makeVersions(ctx context.Context, pool *sql.DB) error {
	store, err := goosestore.NewStore(goosestore.DialectMySQL, versionTable)
	if err != nil {
		return err
	}
	if _, err := store.GetLatestVersion(ctx, pool); mysqlNumber(err) != noSuchTable {
		return err
	}
	if err := store.CreateVersionTable(ctx, pool); err != nil {
		return fmt.Errorf("make table %s: %w", versionTable, err)
	}
	if err := store.Insert(ctx, pool, goosestore.InsertRequest{Version: 0}); err != nil {
		return fmt.Errorf("fill table %s: %w", versionTable, err)
	}
	return nil
}

const (
	noSuchColumn = 1054
	noSuchTable  = 1146
)

// dropEmptyVersions removes a version table that was created but not filled
// before its process was killed: goose refuses to work with one.
func dropEmptyVersions(ctx context.Context, pool *sql.DB) error {
	var rows int
	err := pool.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+versionTable).Scan(&rows)
	switch {
	case mysqlNumber(err) == noSuchTable:
		return nil
	case err == nil && rows == 0:
		_, err = pool.ExecContext(ctx, `DROP TABLE `+versionTable)
	}
	return err
}

func errLocked(name string, waited time.Duration) error {
	return fmt.Errorf("another process has been migrating %s for more than %v", name, waited)
}

// onceConnector is a connector that connects once: a second connection would not
// have the lock.
type onceConnector struct {
	driver.Connector
	used atomic.Bool
}

// Connect makes the one connection.
func (s *onceConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if s.used.Swap(true) {
		return nil, errors.New("lost the connection that held the migration lock")
	}
	return s.Connector.Connect(ctx)
}

// lockFile waits until no other process has locked path. The file stays behind:
// if it went, two processes could hold locks on two files of its name.
func lockFile(ctx context.Context, path string, wait time.Duration) (unlock func(), err error) {
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	lock := flock.New(path, flock.SetPermissions(0o600))
	_, err = lock.TryLockContext(limited, 20*time.Millisecond)
	switch {
	case err == nil:
		return func() { lock.Close() }, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return nil, errLocked(path, wait)
	}
	return nil, fmt.Errorf("take the migration lock %s: %w", path, err)
}
