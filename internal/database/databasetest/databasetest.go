// Package databasetest gives tests real databases.
//
// SQLite is always there. For MySQL a test uses the server that TEST_MYSQL_DSN
// names, for a user who may create databases; without it a private MariaDB or
// MySQL server is started, once per test binary and only when a test wants it.
// It ends with the binary, even if that is killed. If neither is to be had the
// test is skipped, or fails if CI is set.
//
// The goroutine that waits for the server's end stays until then: tests that look
// for leaked goroutines call goleak.IgnoreCurrent after they have called [Config].
package databasetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"wrpdistributor/internal/database"
)

// Each runs fn as a subtest per dialect, each time on a fresh, migrated
// database.
func Each(t *testing.T, fn func(t *testing.T, db *database.DB)) {
	t.Run("sqlite", func(t *testing.T) { fn(t, New(t)) })
	t.Run("mysql", func(t *testing.T) { fn(t, NewMySQL(t)) })
}

// New returns a fresh, migrated SQLite database that lives as long as the test.
func New(t testing.TB) *database.DB {
	t.Helper()
	return open(t, database.Open, Migrated(t, "sqlite"))
}

// NewMySQL returns a fresh, migrated MySQL database that lives as long as the
// test.
func NewMySQL(t testing.TB) *database.DB {
	t.Helper()
	return open(t, database.Open, Migrated(t, "mysql"))
}

// Open opens and migrates a database, and closes it after the test. Several may
// be open on one [Config], as several processes would have them.
func Open(t testing.TB, cfg database.Config) *database.DB {
	t.Helper()
	return open(t, database.OpenAndMigrate, cfg)
}

func open(t testing.TB, how func(context.Context, database.Config) (*database.DB, error), cfg database.Config) *database.DB {
	t.Helper()
	db, err := how(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// Config returns the name of a new and empty database of a dialect, "sqlite" or
// "mysql", that is removed after the test.
func Config(t testing.TB, dialect string) database.Config {
	t.Helper()
	switch dialect {
	case "sqlite":
		return database.Config{Path: filepath.Join(t.TempDir(), "test.db"), Create: true}
	case "mysql":
		server, err := shared()
		if err != nil {
			unavailable(t, err)
		}
		return create(t, server())
	}
	t.Fatalf("no such dialect: %q", dialect)
	return database.Config{}
}

// shared starts the server of this test binary, and returns the configuration of an
// account that may do anything. It is a variable because all tests share the result.
var shared = sync.OnceValues(func() (func() *mysql.Config, error) {
	if dsn := os.Getenv("TEST_MYSQL_DSN"); dsn != "" {
		cfg, err := mysql.ParseDSN(dsn)
		if err != nil {
			return nil, fmt.Errorf("TEST_MYSQL_DSN: %w", err)
		}
		return cfg.Clone, nil
	}
	d, err := newDaemon(tempRoot())
	if err != nil {
		return nil, err
	}
	return d.admin, d.Start()
})

// create makes an empty database on a server.
func create(t testing.TB, server *mysql.Config) database.Config {
	t.Helper()
	cfg := server.Clone()
	cfg.DBName = newName()
	if err := run(server, "CREATE DATABASE "+cfg.DBName); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A server that the test has stopped takes the database with it.
		run(server, "DROP DATABASE "+cfg.DBName)
	})
	return database.Config{MySQL: cfg}
}

func newName() string { return "test_" + strings.ToLower(rand.Text()) }

// run executes a statement on a connection of its own.
func run(server *mysql.Config, statement string) error {
	c, err := mysql.NewConnector(server)
	if err != nil {
		return err
	}
	db := sql.OpenDB(c)
	defer db.Close()
	_, err = db.Exec(statement)
	return err
}

var errNotInstalled = errors.New("no MySQL to test with: install MariaDB (Debian: mariadb-server) or MySQL, or set TEST_MYSQL_DSN")

// unavailable ends a test for lack of a server.
func unavailable(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errNotInstalled) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	t.Fatal(err)
}
