package databasetest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
)

// A Recorder sees what a database is asked, and can change the answers.
type Recorder struct {
	inner *sql.DB

	mu         sync.Mutex // guards what follows
	statements []Statement
	before     func(query string, args []any) error
	committed  func() error
}

// A Statement is what a database was asked.
type Statement struct {
	Query string
	Args  []any
	Err   error
}

// Record has a recorder see what db is asked from now on.
func Record(t testing.TB, db *database.DB) *Recorder {
	t.Helper()
	r := &Recorder{inner: db.DB.DB}
	inner := db.DB
	t.Cleanup(func() { inner.Close() })
	db.DB = sqlx.NewDb(sql.OpenDB(r), inner.DriverName())
	db.SetMaxOpenConns(inner.Stats().MaxOpenConnections)
	db.SetMaxIdleConns(max(1, inner.Stats().MaxOpenConnections))
	return r
}

// Take returns the statements since it was called last.
func (r *Recorder) Take() []Statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.statements
	r.statements = nil
	return list
}

// Before has fn called before each statement, which fails with its error.
func (r *Recorder) Before(fn func(query string, args []any) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = fn
}

// Committed has fn called after the next commit that succeeds; its error is the answer.
func (r *Recorder) Committed(fn func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.committed = fn
}

// Connect implements [driver.Connector].
func (r *Recorder) Connect(ctx context.Context) (driver.Conn, error) {
	kept, err := r.inner.Conn(ctx)
	if err != nil {
		return nil, err
	}
	c := &recorded{Recorder: r, kept: kept}
	err = kept.Raw(func(conn any) error {
		c.Conn = conn.(driver.Conn)
		return nil
	})
	return c, err
}

// Driver implements [driver.Connector].
func (r *Recorder) Driver() driver.Driver { return r.inner.Driver() }

// ask runs a statement, and records it.
func (r *Recorder) ask(query string, named []driver.NamedValue, run func() error) error {
	args := make([]any, len(named))
	for i, n := range named {
		args[i] = n.Value
	}
	r.mu.Lock()
	before := r.before
	r.mu.Unlock()
	var err error
	if before != nil {
		err = before(query, args)
	}
	if err == nil {
		err = run()
	}
	if err != driver.ErrSkip {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.statements = append(r.statements, Statement{query, args, err})
	}
	return err
}

// recorded is a connection of the database within.
type recorded struct {
	driver.Conn
	*Recorder
	kept *sql.Conn
}

// Close gives the connection back.
func (c *recorded) Close() error { return c.kept.Close() }

// QueryContext implements [driver.QueryerContext].
func (c *recorded) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = c.ask(query, args, func() (err error) {
		rows, err = c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
		return err
	})
	return rows, err
}

// ExecContext implements [driver.ExecerContext].
func (c *recorded) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (res driver.Result, err error) {
	err = c.ask(query, args, func() (err error) {
		res, err = c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
		return err
	})
	return res, err
}

// CheckNamedValue implements [driver.NamedValueChecker].
func (c *recorded) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// BeginTx implements [driver.ConnBeginTx].
func (c *recorded) BeginTx(ctx context.Context, opt driver.TxOptions) (driver.Tx, error) {
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opt)
	return recordedTx{tx, c.Recorder}, err
}

type recordedTx struct {
	driver.Tx
	recorder *Recorder
}

// Commit commits.
func (tx recordedTx) Commit() error {
	err := tx.Tx.Commit()
	if err != nil {
		return err
	}
	r := tx.recorder
	r.mu.Lock()
	fn := r.committed
	r.committed = nil
	r.mu.Unlock()
	if fn == nil {
		return nil
	}
	return fn()
}
