package database_test

import (
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

var update = flag.Bool("update", false, "write migrations/*/schema.sql from a fresh database")

// TestFreshSchema compares the tables of a fresh database with their description
// beside the migrations, and with those of the copies that other tests get.
func TestFreshSchema(t *testing.T) {
	for _, dialect := range []string{"sqlite", "mysql"} {
		t.Run(dialect, func(t *testing.T) {
			db, other := databasetest.Open(t, databasetest.Config(t, dialect)), databasetest.Open(t, databasetest.Migrated(t, dialect))
			got := describe(t, db)
			if *update {
				if err := os.WriteFile(schemaFile(dialect), []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(golden(t, dialect), got); diff != "" {
				t.Errorf("fresh schema (-schema.sql +got), rewritten with -update:\n%s", diff)
			}
			if diff := cmp.Diff(got, describe(t, other)); diff != "" {
				t.Errorf("schema of a copy (-fresh +copy):\n%s", diff)
			}
		})
	}
}

// TestCopiesAreDatabasesOfTheirOwn: containers are told apart by their database's id.
func TestCopiesAreDatabasesOfTheirOwn(t *testing.T) {
	seen := make(map[string]bool)
	for _, dialect := range []string{"sqlite", "mysql"} {
		for range 2 {
			id, err := databasetest.Open(t, databasetest.Migrated(t, dialect)).DatabaseID(t.Context())
			if err != nil || len(id) != 32 || seen[id] {
				t.Errorf("%s: id %q, %v; want a new one", dialect, id, err)
			}
			seen[id] = true
		}
	}
}

func schemaFile(dialect string) string {
	return filepath.Join("..", "..", "migrations", dialect, "schema.sql")
}

func golden(t *testing.T, dialect string) string {
	t.Helper()
	text, err := os.ReadFile(schemaFile(dialect))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// describe spells a database's tables out as SQL, in one way whatever the server
// and the steps that made them.
func describe(t *testing.T, db *database.DB) string {
	t.Helper()
	const head = "-- The tables that all migrations together make. Nothing reads this: it is\n" +
		"-- written, and compared with databases old and new, by the tests of internal/database.\n"
	if db.DriverName() == "mysql" {
		return head + describeMySQL(t, db)
	}
	return head + describeSQLite(t, db)
}

func describeSQLite(t *testing.T, db *database.DB) string {
	t.Helper()
	var statements []string
	err := db.Select(&statements, `
		SELECT sql FROM sqlite_schema
		WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name <> 'distributor_migrations'
		ORDER BY tbl_name, type DESC, name`)
	if err != nil {
		t.Fatal(err)
	}
	comment := regexp.MustCompile(`--.*`)
	var out strings.Builder
	for _, s := range statements {
		s = strings.Join(strings.Fields(comment.ReplaceAllString(s, "")), " ")
		before, body, _ := strings.Cut(s, "(")
		body = strings.TrimSuffix(body, ")")
		if strings.HasPrefix(s, "CREATE INDEX") {
			fmt.Fprintf(&out, "\n%s(%s);\n", before, body)
			continue
		}
		writeTable(&out, before, splitList(body), "")
	}
	return out.String()
}

// splitList cuts at the commas that stand in no parentheses.
func splitList(s string) []string {
	var parts []string
	depth, start := 0, 0
	for i, r := range s {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			parts, start = append(parts, s[start:i]), i+1
		}
	}
	return append(parts, s[start:])
}

func writeTable(out *strings.Builder, create string, lines []string, options string) {
	for i := range lines {
		lines[i] = "\t" + strings.TrimSpace(lines[i])
	}
	fmt.Fprintf(out, "\n%s (\n%s\n)%s;\n", strings.TrimSpace(create), strings.Join(lines, ",\n"), options)
}

func describeMySQL(t *testing.T, db *database.DB) string {
	t.Helper()
	var tables []struct{ Name, Engine, Collation string }
	err := db.Select(&tables, `
		SELECT TABLE_NAME AS name, ENGINE AS engine, TABLE_COLLATION AS collation FROM information_schema.TABLES
		WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME NOT LIKE '%_migration%' ORDER BY TABLE_NAME`)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, table := range tables {
		lines := slices.Concat(columnsOf(t, db, table.Name, table.Collation), keysOf(t, db, table.Name))
		writeTable(&out, "CREATE TABLE "+table.Name, lines, " ENGINE="+table.Engine+" COLLATE="+table.Collation)
	}
	return out.String()
}

type mysqlColumn struct {
	Name, Type, Nullable, Extra string
	Collation, Default          sql.NullString
}

func columnsOf(t *testing.T, db *database.DB, table, collation string) []string {
	t.Helper()
	var columns []mysqlColumn
	err := db.Select(&columns, `
		SELECT COLUMN_NAME AS name, COLUMN_TYPE AS type, IS_NULLABLE AS nullable, EXTRA AS extra,
			COLLATION_NAME AS collation, COLUMN_DEFAULT AS `+"`default`"+`
		FROM information_schema.COLUMNS
		WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`, table)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range columns {
		lines = append(lines, c.describe(collation))
	}
	return lines
}

// describe leaves out what MySQL and MariaDB print differently: the display
// width of integers, the spelling of defaults.
func (c mysqlColumn) describe(ofTable string) string {
	kind := strings.ReplaceAll(c.Type, "tinyint(1)", "boolean")
	line := c.Name + " " + regexp.MustCompile(`int\(\d+\)`).ReplaceAllString(kind, "int")
	if c.Collation.Valid && c.Collation.String != ofTable {
		line += " COLLATE " + c.Collation.String
	}
	if c.Nullable == "NO" {
		line += " NOT NULL"
	}
	if strings.Contains(c.Extra, "auto_increment") {
		line += " AUTO_INCREMENT"
	}
	value := strings.TrimPrefix(strings.ReplaceAll(c.Default.String, `\'`, `'`), "_utf8mb4")
	switch {
	case !c.Default.Valid || value == "NULL":
		return line
	case strings.HasPrefix(strings.ToUpper(value), "CURRENT_TIMESTAMP"):
		return line + " DEFAULT CURRENT_TIMESTAMP"
	case strings.Contains(c.Type, "int"):
		return line + " DEFAULT " + value
	}
	value = "'" + strings.Trim(value, "'") + "'"
	if c.Type == "text" {
		value = "(" + value + ")" // MySQL takes no other
	}
	return line + " DEFAULT " + value
}

func keysOf(t *testing.T, db *database.DB, table string) []string {
	t.Helper()
	var parts []struct {
		Key, Name string
		Unique    bool
		Order     sql.NullString
		Length    sql.NullString
	}
	err := db.Select(&parts, "SELECT INDEX_NAME AS `key`, COLUMN_NAME AS name, NON_UNIQUE = 0 AS `unique`, COLLATION AS `order`, SUB_PART AS length"+`
		FROM information_schema.STATISTICS
		WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY INDEX_NAME <> 'PRIMARY', NON_UNIQUE, INDEX_NAME, SEQ_IN_INDEX`, table)
	if err != nil {
		t.Fatal(err)
	}
	var heads []string
	columns := make(map[string][]string) // by head
	for _, p := range parts {
		head := "KEY " + p.Key
		switch {
		case p.Key == "PRIMARY":
			head = "PRIMARY KEY"
		case p.Unique:
			head = "UNIQUE " + head
		}
		if p.Length.Valid {
			p.Name += "(" + p.Length.String + ")"
		}
		if p.Order.String == "D" {
			p.Name += " DESC"
		}
		if columns[head] == nil {
			heads = append(heads, head)
		}
		columns[head] = append(columns[head], p.Name)
	}
	var lines []string
	for _, head := range heads {
		lines = append(lines, head+" ("+strings.Join(columns[head], ", ")+")")
	}
	return lines
}
