package database

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"

	"wrpdistributor/migrations"
)

// versionTable is not goose's usual one, which another program in the same
// database might have.
const versionTable = "distributor_migrations"

// Migrate brings the tables up to date, be the database empty, the original
// distributor's, or an older one of ours. Of several processes that start at
// once one does it and the others wait, for a minute at most.
//
// A process killed on the way leaves nothing to repair: the original's tables are
// untouched until one statement replaces them all; the next process begins again, or
// goes on after that statement. The original must not run meanwhile.
func (db *DB) Migrate(ctx context.Context) error {
	err := db.locked(ctx, func(pool *sql.DB) error { return db.up(ctx, pool) })
	if err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}

// locked runs fn while no other process migrates this database. Fn must use no
// other connections than those of its argument.
func (db *DB) locked(ctx context.Context, fn func(*sql.DB) error) error {
	if db.isMySQL() {
		return db.lockedMySQL(ctx, fn)
	}
	unlock, err := lockFile(ctx, db.cfg.Path+".lock", db.lockWait)
	if err != nil {
		return err
	}
	defer unlock()
	return fn(db.DB.DB)
}

// up takes the steps that the version table does not have yet.
func (db *DB) up(ctx context.Context, pool *sql.DB) error {
	dialect, folder, first := goose.DialectSQLite3, "sqlite", makeTables
	if db.isMySQL() {
		dialect, folder, first = goose.DialectMySQL, "mysql", takeOver
	}
	files, err := fs.Sub(migrations.FS, folder)
	if err != nil {
		return err
	}
	steps, err := goose.NewProvider(dialect, pool, files,
		goose.WithTableName(versionTable),
		goose.WithGoMigrations(goose.NewGoMigration(1, &goose.GoFunc{RunTx: first}, nil)),
		goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	_, err = steps.Up(ctx)
	return err
}

// makeTables is the first step on SQLite, where all of it is one transaction.
func makeTables(ctx context.Context, tx *sql.Tx) error {
	if err := createTables(ctx, tx, "sqlite/00001_tables", ""); err != nil {
		return err
	}
	return namePool(ctx, tx, "pool")
}

// createTables makes the tables in a folder of package migrations, under names
// that begin with prefix.
func createTables(ctx context.Context, db querier, folder, prefix string) error {
	names, err := fs.Glob(migrations.FS, folder+"/*.sql")
	if err != nil {
		return err
	}
	for _, name := range names {
		ddl, err := fs.ReadFile(migrations.FS, name)
		if err != nil {
			return err
		}
		ddl = []byte(strings.Replace(string(ddl), "CREATE TABLE ", "CREATE TABLE "+prefix, 1))
		if err := exec(ctx, db, string(ddl)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// namePool makes the pool's row in table.
func namePool(ctx context.Context, db querier, table string) error {
	id := make([]byte, 16)
	rand.Read(id) // never fails
	return exec(ctx, db, `INSERT INTO `+table+` (id, databaseId) VALUES (1, ?)`, hex.EncodeToString(id))
}

// A querier is a [sql.DB] or a [sql.Tx].
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func exec(ctx context.Context, db querier, query string, args ...any) error {
	_, err := db.ExecContext(ctx, query, args...)
	return err
}

// collect reads the one column of all rows.
func collect[T any](ctx context.Context, db querier, query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}
