package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"wrpdistributor/internal/clock"
)

// lockedMySQL runs fn on the very connection that holds the lock, and on no
// other: if this process is killed, the server may still be busy with its last
// statement, and must not give the lock away before that has ended.
func (db *DB) lockedMySQL(ctx context.Context, fn func(*sql.DB) error) error {
	// Copying a large table takes its time, so there is no limit to an answer.
	c, err := newConnector(db.cfg.MySQL, 0)
	if err != nil {
		return err
	}
	pool := sql.OpenDB(&single{Connector: c})
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
	// Whoever had it before may have been killed.
	if err := errors.Join(dropEmptyVersions(ctx, pool), dropLeftovers(ctx, pool)); err != nil {
		return err
	}
	return fn(pool)
}

// dropEmptyVersions removes a version table that was created but not filled
// before its process was killed; goose would refuse it for ever.
func dropEmptyVersions(ctx context.Context, pool *sql.DB) error {
	var rows int
	err := pool.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+versionTable).Scan(&rows)
	switch {
	case mysqlNumber(err) == 1146: // no such table
		return nil
	case err == nil && rows == 0:
		_, err = pool.ExecContext(ctx, `DROP TABLE `+versionTable)
	}
	return err
}

func errLocked(name string, waited time.Duration) error {
	return fmt.Errorf("another process has been migrating %s for more than %v", name, waited)
}

// single is a connector that connects once: a second connection would not have
// the lock.
type single struct {
	driver.Connector
	used atomic.Bool
}

// Connect makes the one connection.
func (s *single) Connect(ctx context.Context) (driver.Conn, error) {
	if s.used.Swap(true) {
		return nil, errors.New("lost the connection that held the migration lock")
	}
	return s.Connector.Connect(ctx)
}

// lockFile waits until no other process has locked path. The file stays behind:
// if it went, two processes could hold locks on two files of its name.
func lockFile(ctx context.Context, path string, wait time.Duration) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("take the migration lock: %w", err)
	}
	deadline := time.Now().Add(wait)
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { f.Close() }, nil // the lock goes with it
		case !errors.Is(err, unix.EWOULDBLOCK):
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		case time.Now().After(deadline):
			f.Close()
			return nil, errLocked(path, wait)
		}
		if err := clock.Sleep(ctx, 20*time.Millisecond); err != nil {
			f.Close()
			return nil, err
		}
	}
}
