package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
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
	c, err := newConnector(cfg.MySQL, answerTimeout)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(idleTimeout)
	// After a failover the old primary, read-only now, is left in the end.
	db.SetConnMaxLifetime(3 * time.Minute)
	return sqlx.NewDb(db, "mysql"), nil
}

// A connector makes connections with the session settings this package promises.
type connector struct {
	driver.Connector
	addr string
}

// newConnector bounds every answer by readTimeout; zero: not at all.
func newConnector(c *mysql.Config, readTimeout time.Duration) (connector, error) {
	cfg, err := settings(c)
	if err != nil {
		return connector{}, err
	}
	if cfg.ReadTimeout == 0 || readTimeout == 0 {
		cfg.ReadTimeout = readTimeout
	}
	inner, err := mysql.NewConnector(cfg)
	return connector{inner, cfg.Addr}, err
}

// settings returns a copy of c with everything set that this package relies on.
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
	cfg.Logger = &mysql.NopLogger{} // its errors are returned as well
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = answerTimeout
	}
	if cfg.Params == nil {
		cfg.Params = make(map[string]string)
	}
	cfg.Params["time_zone"] = "'+00:00'"
	cfg.Params["sql_mode"] = "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"
	cfg.Params["default_storage_engine"] = "'InnoDB'"
	cfg.Params["innodb_lock_wait_timeout"] = "5"
	cfg.Params["lock_wait_timeout"] = "5"
	// After so many seconds the server releases the locks of a process whose network
	// is gone. It is more than idleTimeout, or the server would close connections that
	// are still to be used.
	cfg.Params["wait_timeout"] = "60"
	err := cfg.Apply(mysql.Charset("utf8mb4", ""), mysql.TimeTruncate(time.Second))
	return cfg, err
}

// Connect makes a connection within connectTimeout. It returns [errUnresponsive]
// where the driver has driver.ErrBadConn, at which database/sql would repeat the
// attempt, and the caller wait three times as long.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := c.Connector.Connect(limited)
	if err == nil {
		err = readCommitted(limited, conn)
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

// readCommitted sets the isolation of all transactions to come. It has a
// statement of its own because the variable's name is not the same everywhere.
func readCommitted(ctx context.Context, conn driver.Conn) error {
	exec, ok := conn.(driver.ExecerContext)
	if !ok {
		return errors.New("the MySQL driver cannot run a plain statement")
	}
	_, err := exec.ExecContext(ctx, `SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED`, nil)
	if err != nil {
		conn.Close()
	}
	return err
}
