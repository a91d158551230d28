package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
)

const (
	connectTimeout = 3 * time.Second // with the handshake
	answerTimeout  = 8 * time.Second // longer than a wait for a row lock
	idleTimeout    = 30 * time.Second
	connections    = 16
)

// errUnresponsive means that a server took the connection, and did not answer on it.
var errUnresponsive = errors.New("no answer")

func openMySQL(cfg Config) (*sqlx.DB, error) {
	// After a failover the old primary may go on, read-only: a connection is dropped,
	// and reported as driver.ErrBadConn, at the first write that is refused on it.
	c, err := newConnector(cfg.MySQL, answerTimeout, true)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(idleTimeout)
	// A name that leads to another server now is followed in the end, even while the
	// one before goes on.
	db.SetConnMaxLifetime(3 * time.Minute)
	return sqlx.NewDb(db, "mysql"), nil
}

// A connector makes connections with the session settings this package promises.
type connector struct {
	driver.Connector
	addr string
}

// newConnector bounds every answer by readTimeout; zero: not at all.
func newConnector(c *mysql.Config, readTimeout time.Duration, rejectReadOnly bool) (connector, error) {
	cfg, err := settings(c)
	if err != nil {
		return connector{}, err
	}
	if cfg.ReadTimeout == 0 || readTimeout == 0 {
		cfg.ReadTimeout = readTimeout
	}
	cfg.RejectReadOnly = rejectReadOnly
	inner, err := mysql.NewConnector(cfg)
	return connector{inner, cfg.Addr}, err
}

// settings returns a copy of c with everything set that this package relies on,
// whatever an operator has put into a DSN. [sessionSettings] are the server's part.
func settings(c *mysql.Config) (*mysql.Config, error) {
	cfg := c.Clone()
	if cfg.DBName == "" {
		return nil, errors.New("the name of the MySQL database is missing")
	}
	cfg.ParseTime, cfg.Loc = true, time.UTC
	// Touching a row twice in one second must not look like touching none.
	cfg.ClientFoundRows = true
	// One round trip instead of three. Escaping on this side is only unsafe in
	// character sets other than the one set below.
	cfg.InterpolateParams = true
	cfg.MultiStatements = false
	cfg.ColumnsWithAlias = false // columns are found by their names
	cfg.AllowAllFiles = false    // the server has no business with our files
	cfg.CheckConnLiveness = true
	cfg.MaxAllowedPacket = mysql.NewConfig().MaxAllowedPacket
	cfg.Logger = &mysql.NopLogger{} // its errors are returned as well
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = answerTimeout
	}
	err := cfg.Apply(mysql.Charset("utf8mb4", ""), mysql.TimeTruncate(time.Second))
	return cfg, err
}

// sessionSettings returns the statements that begin every connection. They are not
// among the driver's parameters: it sets those in any order, so that an operator's
// own, spelled in another way, might win.
func sessionSettings() []string {
	return []string{
		`SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',` +
			` autocommit = 1, completion_type = 0, sql_auto_is_null = 0,` +
			` sql_safe_updates = 0, sql_big_selects = 1, sql_select_limit = 18446744073709551615,` +
			` group_concat_max_len = 1048576, unique_checks = 1, foreign_key_checks = 1, default_storage_engine = 'InnoDB',` +
			` innodb_lock_wait_timeout = 5, lock_wait_timeout = 5,` +
			// After so many seconds the server releases the locks of a process whose network
			// is gone. It is more than idleTimeout, or the server would close connections that
			// are still to be used.
			` wait_timeout = 60`,
		// The names of these two variables are not the same everywhere.
		`SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE`,
	}
}

// Connect makes a connection within connectTimeout. It returns [errUnresponsive]
// where the driver has driver.ErrBadConn, at which database/sql would repeat the
// attempt, and the caller wait three times as long.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := c.Connector.Connect(limited)
	if err == nil {
		err = setUp(limited, conn)
	}
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		err = ctx.Err()
	case errors.Is(err, driver.ErrBadConn) || limited.Err() != nil:
		err = errUnresponsive
	}
	return nil, fmt.Errorf("connect to MySQL at %s: %w", c.addr, err)
}

// setUp runs the statements that begin a connection, and closes one that does not
// take them.
func setUp(ctx context.Context, conn driver.Conn) error {
	plain, ok := conn.(plainConn)
	if !ok {
		return errors.New("the MySQL driver cannot run a plain statement")
	}
	err := logRows(ctx, plain)
	for _, statement := range sessionSettings() {
		if err == nil {
			_, err = plain.ExecContext(ctx, statement, nil)
		}
	}
	if err != nil {
		conn.Close()
	}
	return err
}

// A plainConn runs statements without preparing them.
type plainConn interface {
	driver.ExecerContext
	driver.QueryerContext
}

// logRows makes sure that what is written at READ COMMITTED can be logged: a server
// that logs the statements themselves refuses each of them, because repeated
// elsewhere they might do something else.
func logRows(ctx context.Context, conn plainConn) error {
	refuses, err := logsStatements(ctx, conn)
	if err != nil || !refuses {
		return err
	}
	if _, err := conn.ExecContext(ctx, `SET SESSION binlog_format = 'ROW'`, nil); err != nil {
		return fmt.Errorf("the server has binlog_format=STATEMENT, with which it refuses our writes (READ COMMITTED): "+
			"set binlog_format=ROW or MIXED in its configuration, or let our account do that for its own sessions "+
			"(GRANT BINLOG ADMIN ON *.* on MariaDB, SESSION_VARIABLES_ADMIN on MySQL): %w", err)
	}
	return nil
}

const unknownVariable = 1193

func logsStatements(ctx context.Context, conn plainConn) (bool, error) {
	rows, err := conn.QueryContext(ctx, `SELECT 1 FROM DUAL WHERE @@log_bin AND @@binlog_format = 'STATEMENT'`, nil)
	if mysqlNumber(err) == unknownVariable {
		return false, nil // a server that knows one format only
	}
	if err != nil {
		return false, err
	}
	found := rows.Next(make([]driver.Value, 1))
	if errors.Is(found, io.EOF) {
		return false, rows.Close()
	}
	return found == nil, errors.Join(found, rows.Close())
}
