package database

import (
	"context"
	"database/sql"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"wrpdistributor/migrations"
)

// Versions say how far the tables of a database have been brought, and how far this
// program brings them.
type Versions struct {
	Has, Wants int64 // Has is 0 where there are none of ours
}

// Versions looks at the tables.
func (db *DB) Versions(ctx context.Context) (v Versions, err error) {
	if v.Wants, err = db.latest(); err != nil {
		return v, err
	}
	err = db.GetContext(ctx, &v.Has, `SELECT COALESCE(MAX(version_id), 0) FROM `+versionTable+` WHERE is_applied`)
	if IsNoTable(err) {
		err = nil
	}
	return v, db.cfg.Reason(err)
}

// latest returns the number of the last migration.
func (db *DB) latest() (last int64, err error) {
	folder := "sqlite"
	if db.isMySQL() {
		folder = "mysql"
	}
	names, err := fs.Glob(migrations.FS, folder+"/[0-9]*")
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return 0, err
		}
		last = max(last, n)
	}
	return last, err
}

// TryWrite writes as a heartbeat does, and takes it back. What keeps the service from
// writing keeps this, but for a disk that is found to be full only by the end of a
// transaction.
func (db *DB) TryWrite(ctx context.Context) error {
	pool := db.DB.DB
	if db.isMySQL() {
		// The connections of the service drop a server that is read-only, which is to be named.
		c, err := newConnector(db.cfg.MySQL, answerTimeout, false)
		if err != nil {
			return err
		}
		pool = sql.OpenDB(c)
		defer pool.Close()
	}
	return db.cfg.Reason(schemaError(db.writeForNothing(ctx, pool)))
}

func (db *DB) writeForNothing(ctx context.Context, pool *sql.DB) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return exec(ctx, tx, `INSERT INTO processes (id, kind, started, seen, steady) VALUES (?, 'check', `+
		db.Now()+`, `+db.Now()+`, `+db.Now()+`)`, NewProcessID())
}
