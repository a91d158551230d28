// Package database opens the service's database and knows the few things that
// differ between MySQL (or MariaDB) and SQLite: how to connect, how to migrate,
// what an error means, and how SQL spells the time. It knows nothing of what
// sessions are for, except how to take over those of the original, PHP
// distributor, and how to give them back.
//
// What a caller can rely on, whatever the server's own settings: statements see
// what others have committed (READ COMMITTED); times are UTC, have no fractions,
// and are the database's own; an UPDATE counts the rows that it matched; text is
// compared byte by byte; a database that does not answer costs about ten
// seconds, and can be told from a mistake in a statement ([IsUnavailable]).
package database

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
)

// ErrNoDatabase means that there is no SQLite file, and none was to be made.
var ErrNoDatabase = errors.New("no database")

// Config names one database: exactly one of MySQL and Path is set.
type Config struct {
	// MySQL says how to reach a server. What this package relies on is set over
	// whatever stands there; time-outs only where they are zero.
	MySQL *mysql.Config

	// Path is the SQLite file. Any characters will do.
	Path string

	// Create makes the SQLite file, and its folder, if they are missing. Without
	// it a missing file is [ErrNoDatabase].
	Create bool
}

// A DB is an open database. It is safe for concurrent use.
//
// On SQLite there is one connection only, and a statement waits until the
// transaction or the rows that have it are closed: inside [InTx] use its
// transaction, and while reading rows nothing else.
type DB struct {
	*sqlx.DB

	cfg      Config
	lockWait time.Duration // for another process that migrates
	made     string        // the file that was made, since there was none; empty: there was
	measures *measures
}

// Open connects to a database, and makes sure that it answers. It changes no table;
// see [DB.Migrate].
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if (cfg.MySQL != nil) == (cfg.Path != "") {
		return nil, errors.New("open database: need either a MySQL server or the path of a SQLite file")
	}
	made := ""
	if cfg.Create && isMissing(cfg.Path) {
		made = absolute(cfg.Path)
	}
	open := openSQLite
	if cfg.MySQL != nil {
		open = openMySQL
	}
	conns, err := open(cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db := &DB{DB: conns, cfg: cfg, lockWait: time.Minute, made: made, measures: newMeasures()}
	if err := db.connect(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	return db, nil
}

// Made returns the path of the SQLite file, if it was made because there was none.
func (db *DB) Made() (path string, ok bool) { return db.made, db.made != "" }

// connect makes the first connection.
func (db *DB) connect(ctx context.Context) error {
	if db.isMySQL() {
		return db.PingContext(ctx)
	}
	// SQLite does not wait for others who open or close the file while it changes to WAL.
	err := retry(ctx, db, func() error { return db.PingContext(ctx) })
	if err != nil {
		err = fmt.Errorf("SQLite file %s: %w", db.cfg.Path, err) // the driver does not say which
	}
	return err
}

// OpenAndMigrate is [Open] and [DB.Migrate].
func OpenAndMigrate(ctx context.Context, cfg Config) (*DB, error) {
	db, err := Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// DatabaseID returns what tells this database, and so its containers, from all
// others: 32 hex digits, chosen at random by the migration that made it.
func (db *DB) DatabaseID(ctx context.Context) (string, error) {
	var id string
	if err := db.GetContext(ctx, &id, `SELECT databaseId FROM pool WHERE id = 1`); err != nil {
		return "", fmt.Errorf("read database id: %w", err)
	}
	return id, nil
}

// Now returns an SQL expression for the present second, by the database's clock
// and in UTC, fit to be stored in and compared with the time columns.
//
// As a result column it has no type on SQLite: to have a [time.Time], store it
// and select the column.
func (db *DB) Now() string {
	if db.isMySQL() {
		return "UTC_TIMESTAMP()"
	}
	return "datetime('now')"
}

// SecondsAgo is [DB.Now] less a number of seconds, which is the one placeholder
// in the expression.
func (db *DB) SecondsAgo() string {
	if db.isMySQL() {
		return "(UTC_TIMESTAMP() - INTERVAL ? SECOND)"
	}
	return "datetime(unixepoch('now') - ?, 'unixepoch')"
}

func (db *DB) isMySQL() bool { return db.cfg.MySQL != nil }
