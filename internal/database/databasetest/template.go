package databasetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
)

// Migrated is [Config] of a database that has all tables. They are copies: what makes
// them, one migration after the other, runs once per test binary.
func Migrated(t testing.TB, dialect string) database.Config {
	t.Helper()
	cfg := Config(t, dialect)
	copyTemplate := copyFile
	if dialect == "mysql" {
		copyTemplate = copyTables
	}
	if err := copyTemplate(cfg); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// newDatabaseID returns an id as migrations choose it: no two databases have the same.
func newDatabaseID() string {
	id := make([]byte, 16)
	rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// A file is what is in the file of a migrated SQLite database.
type file struct {
	content    []byte
	databaseID string
}

// migratedFile is a variable because all tests share the result.
var migratedFile = sync.OnceValues(func() (f file, err error) {
	dir, err := os.MkdirTemp("", "migrated")
	if err != nil {
		return f, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "test.db")
	db, err := database.OpenAndMigrate(context.Background(), database.Config{Path: path, Create: true})
	if err != nil {
		return f, err
	}
	f.databaseID, err = db.DatabaseID(context.Background())
	if err == nil {
		err = db.Close() // all is in the one file then
	}
	if err == nil {
		f.content, err = os.ReadFile(path)
	}
	return f, err
})

// copyFile makes cfg's file.
func copyFile(cfg database.Config) error {
	f, err := migratedFile()
	if err != nil {
		return err
	}
	return os.WriteFile(cfg.Path, bytes.ReplaceAll(f.content, []byte(f.databaseID), []byte(newDatabaseID())), 0o600)
}

// A statement makes a table or a row.
type statement struct {
	text string
	args []any
}

// migratedTables returns what makes the tables of a migrated MySQL database. It is a
// variable because all tests share the result.
var migratedTables = sync.OnceValues(func() ([]statement, error) {
	server, err := shared()
	if err != nil {
		return nil, err
	}
	cfg := server()
	cfg.DBName = newName()
	if err := run(server(), "CREATE DATABASE "+cfg.DBName); err != nil {
		return nil, err
	}
	defer run(server(), "DROP DATABASE "+cfg.DBName)
	db, err := database.OpenAndMigrate(context.Background(), database.Config{MySQL: cfg})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var names []string
	if err := db.Select(&names, `SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()`); err != nil {
		return nil, err
	}
	var all []statement
	for _, name := range names {
		list, err := describeTable(db.DB, name)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
})

// describeTable returns what makes a table and its rows.
func describeTable(db *sqlx.DB, table string) ([]statement, error) {
	var name, ddl string
	if err := db.QueryRow("SHOW CREATE TABLE "+table).Scan(&name, &ddl); err != nil {
		return nil, err
	}
	all := []statement{{text: ddl}}
	rows, err := db.Queryx("SELECT * FROM " + table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.SliceScan()
		if err != nil {
			return nil, err
		}
		insert := "INSERT INTO " + table + " VALUES (?" + strings.Repeat(", ?", len(values)-1) + ")"
		all = append(all, statement{insert, values})
	}
	return all, rows.Err()
}

// copyTables makes the tables of cfg's database.
func copyTables(cfg database.Config) error {
	all, err := migratedTables()
	if err != nil {
		return err
	}
	db, err := database.Open(context.Background(), cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, s := range append(all[:len(all):len(all)], statement{`UPDATE pool SET databaseId = ?`, []any{newDatabaseID()}}) {
		if _, err := db.Exec(s.text, s.args...); err != nil {
			return err
		}
	}
	return nil
}
