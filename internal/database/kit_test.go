package database_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"wrpdistributor/internal/database"
)

// raw connects to a MySQL database like any other program, without the settings
// of package database.
func raw(t testing.TB, cfg database.Config) *sql.DB {
	t.Helper()
	c := cfg.MySQL.Clone()
	c.MultiStatements = true
	c.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	return db
}

func mustExec(t testing.TB, db interface {
	Exec(query string, args ...any) (sql.Result, error)
}, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// eventually waits until ok reports true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// ofItself returns a context that outlasts every time limit of package database: an
// error other than the context's own means that the call came back of itself.
func ofItself(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// epoch returns the present second by a database's clock, and not by way of
// [database.DB.Now].
func epoch(t *testing.T, db *sql.DB, dialect string) int64 {
	t.Helper()
	query := map[string]string{"mysql": `SELECT UNIX_TIMESTAMP()`, "sqlite": `SELECT unixepoch()`}[dialect]
	var seconds int64
	if err := db.QueryRow(query).Scan(&seconds); err != nil {
		t.Fatal(err)
	}
	return seconds
}

// loadOriginal makes the PHP distributor's tables.
func loadOriginal(t testing.TB, db *sql.DB) {
	t.Helper()
	ddl, err := os.ReadFile("testdata/original.sql")
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, db, string(ddl))
}

// dump returns the rows of a query, one line each.
func dump(t testing.TB, db *sql.DB, query string) string {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for rows.Next() {
		values, pointers := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			pointers[i] = &values[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			if !v.Valid {
				v.String = "NULL"
			}
			fmt.Fprintf(&out, "%s=%s ", names[i], v.String)
		}
		out.WriteString("\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// schema describes all tables, columns and indexes of a MySQL database, but for
// those that only other programs look at.
func schema(t testing.TB, db *sql.DB) string {
	t.Helper()
	return dump(t, db, `
		SELECT TABLE_NAME, ENGINE, TABLE_COLLATION, CREATE_OPTIONS FROM information_schema.TABLES
		WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME NOT LIKE '%_migration%' ORDER BY TABLE_NAME`) +
		dump(t, db, `
		SELECT TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, COLUMN_DEFAULT, IS_NULLABLE, COLUMN_TYPE, COLLATION_NAME, EXTRA FROM information_schema.COLUMNS
		WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME NOT LIKE '%_migration%' ORDER BY TABLE_NAME, ORDINAL_POSITION`) +
		dump(t, db, `
		SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, NON_UNIQUE, COLLATION, SUB_PART FROM information_schema.STATISTICS
		WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME NOT LIKE '%_migration%' ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX`)
}

// setGlobal changes a variable of the server until the end of the test.
func setGlobal(t testing.TB, db *sql.DB, name, value string) {
	t.Helper()
	var before string
	if err := db.QueryRow("SELECT @@GLOBAL." + name).Scan(&before); err != nil {
		t.Fatal(err)
	}
	mustExec(t, db, "SET GLOBAL "+name+" = '"+value+"'")
	t.Cleanup(func() { mustExec(t, db, "SET GLOBAL "+name+" = '"+before+"'") })
}

// expand puts a dialect's words for %now and for %ago(seconds) into a statement.
func expand(db *database.DB, statement string) string {
	statement = strings.ReplaceAll(statement, "%now", db.Now())
	return regexp.MustCompile(`%ago\((\d+)\)`).ReplaceAllStringFunc(statement, func(ago string) string {
		return strings.Replace(db.SecondsAgo(), "?", strings.Trim(ago, "%ago()"), 1)
	})
}
