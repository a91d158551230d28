package database_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

func TestOpenMistakes(t *testing.T) {
	dir := t.TempDir()
	nameless := mysql.NewConfig()
	noDatabase := file(t, strings.Repeat("not a database\n", 100))
	tests := []struct {
		name string
		cfg  database.Config
		want string
	}{
		{"nothing", database.Config{}, "either"},
		{"both", database.Config{MySQL: nameless, Path: "x"}, "either"},
		{"no database name", database.Config{MySQL: nameless}, "name of the MySQL database"},
		{"in memory", database.Config{Path: ":memory:", Create: true}, "in memory"},
		{"a folder", database.Config{Path: dir}, "SQLite file " + dir + ": unable to open"},
		{"not a database", database.Config{Path: noDatabase}, "SQLite file " + noDatabase + ": file is not a database"},
		{"no such folder", database.Config{Path: filepath.Join(dir, "x", "y.db")}, "y.db"},
	}
	for _, tt := range tests {
		db, err := database.Open(t.Context(), tt.cfg)
		if err == nil {
			db.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Open = %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}

func file(t *testing.T, content string) string {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSQLiteFileIsMadeOnRequestOnly checks that a SQLite file is made only where that
// was asked for, and for its owner only.
func TestSQLiteFileIsMadeOnRequestOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "sub", "wrp.db")
	_, err := database.Open(t.Context(), database.Config{Path: path})
	if !errors.Is(err, database.ErrNoDatabase) || !strings.Contains(err.Error(), path) {
		t.Errorf("Open = %v, want ErrNoDatabase naming %s", err, path)
	}
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open has made the folder: %v", err)
	}
	databasetest.Open(t, database.Config{Path: path, Create: true})
	databasetest.Open(t, database.Config{Path: path})
	for _, name := range []string{path, path + "-wal", path + ".lock"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want a file for its owner only", name, info.Mode(), err)
		}
	}
}

// TestOddPaths checks that a path is a path, whatever SQLite reads into a URI.
func TestOddPaths(t *testing.T) {
	for _, name := range []string{"a b.db", "what?.db", "a?mode=memory", "no#1.db", "100%.db", "%41.db", "x&_txlock=deferred", "ü+'\"\\;.db", "file:a.db"} {
		path := filepath.Join(t.TempDir(), name)
		databasetest.Open(t, database.Config{Path: path, Create: true})
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("database %q is not in its file: %v", name, err)
		}
	}
	t.Chdir(t.TempDir())
	databasetest.Open(t, database.Config{Path: "relative.db", Create: true})
	if _, err := os.Stat("relative.db"); err != nil {
		t.Error(err)
	}
}

func TestSQLiteSettings(t *testing.T) {
	db := databasetest.New(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "busy_timeout": "10000", "synchronous": "1"} {
		var got string
		if err := db.Get(&got, "PRAGMA "+pragma); err != nil || got != want {
			t.Errorf("%s = %s, %v; want %s", pragma, got, err, want)
		}
	}
}

// TestMySQLSettings checks that sessions are set up as promised, on every
// connection, whatever the server's and the caller's own settings.
func TestMySQLSettings(t *testing.T) {
	cfg := databasetest.Config(t, "mysql")
	server := raw(t, cfg)
	setGlobal(t, server, "time_zone", "+02:00")
	setGlobal(t, server, "sql_mode", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES")
	setGlobal(t, server, "completion_type", "RELEASE")
	cfg.MySQL.Params = map[string]string{"time_zone": "'+05:00'"}
	cfg.MySQL.Loc = time.FixedZone("", 3*60*60)
	db := databasetest.Open(t, cfg)
	var own string
	if err := server.QueryRow(`SELECT @@GLOBAL.` + isolation(t, server)).Scan(&own); err != nil || own != "REPEATABLE-READ" {
		t.Fatalf("the server's own isolation is %s, %v: this test shows nothing", own, err)
	}
	checkSessionSettings(t, db)
	var now time.Time
	before := epoch(t, server, "mysql")
	err := db.Get(&now, `SELECT `+db.Now())
	if after := epoch(t, server, "mysql"); err != nil || now.Location() != time.UTC || now.Unix() < before || now.Unix() > after {
		t.Errorf("now is %v, %v; want the present in UTC", now, err)
	}
	if cfg.MySQL.Params["time_zone"] != "'+05:00'" || cfg.MySQL.ParseTime {
		t.Errorf("the caller's configuration was changed: %+v", cfg.MySQL)
	}
}

// isolation returns the name of the variable, which MariaDB changed late.
func isolation(t *testing.T, db *sql.DB) string {
	t.Helper()
	return variable(t, db, "tx_isolation", "transaction_isolation")
}

// readOnly is the same for what makes transactions change nothing.
func readOnly(t *testing.T, db *sql.DB) string {
	t.Helper()
	return variable(t, db, "tx_read_only", "transaction_read_only")
}

// variable returns the first of the names that the server knows.
func variable(t *testing.T, db *sql.DB, names ...any) string {
	t.Helper()
	var name string
	if err := db.QueryRow(`SHOW VARIABLES WHERE Variable_name IN (?, ?)`, names...).Scan(&name, new(string)); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestReadCommitted checks what READ COMMITTED is for: what was committed while
// a transaction waited can be seen in it.
func TestReadCommitted(t *testing.T) {
	db := databasetest.NewMySQL(t)
	tx := db.MustBegin()
	defer tx.Rollback()
	var before, after int
	if err := tx.Get(&before, `SELECT COUNT(*) FROM sessions`); err != nil {
		t.Fatal(err)
	}
	insert(t, db, "a", 0)
	if err := tx.Get(&after, `SELECT COUNT(*) FROM sessions`); err != nil || after != before+1 {
		t.Errorf("%d sessions before, %d after another's commit, %v", before, after, err)
	}
}

// insert claims a slot.
func insert(t *testing.T, db *database.DB, host string, slot int) {
	t.Helper()
	mustExec(t, db, `INSERT INTO sessions (containerHost, slot, port, state, started) VALUES (?, ?, ?, 'claimed', `+db.Now()+`)`, host, slot, 9000+slot)
}

// TestTimesAreTheDatabasesInUTC checks that times are the database's, in UTC and
// whole seconds, can be compared, and come back as [time.Time].
func TestTimesAreTheDatabasesInUTC(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		if db.DriverName() == "mysql" {
			setGlobal(t, db.DB.DB, "time_zone", "+02:00")
		}
		present := func() int64 { return epoch(t, db.DB.DB, db.DriverName()) }
		before := present()
		insert(t, db, "a", 0)
		after := present()
		var s struct {
			Started  time.Time
			LastUsed *time.Time `db:"lastUsed"`
			Text     string
		}
		if err := db.Get(&s, `SELECT started, lastUsed, CONCAT(started, '') AS text FROM sessions`); err != nil {
			t.Fatal(err)
		}
		if at := s.Started.Unix(); at < before || at > after || s.Started.Location() != time.UTC || s.LastUsed != nil {
			t.Errorf("started = %v, lastUsed = %v; want the present in UTC, and nil", s.Started, s.LastUsed)
		}
		if want := s.Started.Format(time.DateTime); s.Text != want {
			t.Errorf("started is stored as %q, want %q", s.Text, want)
		}
		for seconds, want := range map[int]int{-2: 1, 3600: 0} {
			var n int
			if err := db.Get(&n, `SELECT COUNT(*) FROM sessions WHERE started <= `+db.SecondsAgo(), seconds); err != nil || n != want {
				t.Errorf("%d sessions started at most %d s ago, %v; want %d", n, seconds, err, want)
			}
		}
		before = present()
		mustExec(t, db, `UPDATE sessions SET lastUsed = `+db.SecondsAgo(), 90)
		after = present()
		if err := db.Get(&s.LastUsed, `SELECT lastUsed FROM sessions`); err != nil {
			t.Fatal(err)
		}
		if at := s.LastUsed.Unix(); at < before-90 || at > after-90 {
			t.Errorf("90 seconds ago was %v, want %d to %d of the epoch", s.LastUsed, before-90, after-90)
		}
	})
}

// TestGoTimes checks that a time from Go, in any zone and with a fraction, is
// stored like the database's own.
func TestGoTimes(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		insert(t, db, "a", 0)
		at := time.Date(2024, 6, 1, 12, 0, 0, 700_000_000, time.FixedZone("", 2*60*60))
		mustExec(t, db, `UPDATE sessions SET started = ?`, at)
		var n int
		if err := db.Get(&n, `SELECT COUNT(*) FROM sessions WHERE started = '2024-06-01 10:00:00'`); err != nil || n != 1 {
			var got string
			db.Get(&got, `SELECT CONCAT(started, '') FROM sessions`)
			t.Errorf("%v is stored as %s, want 2024-06-01 10:00:00", at, got)
		}
	})
}

// TestFoundRows checks that an update which changes nothing counts.
func TestFoundRows(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		insert(t, db, "a", 0)
		for _, host := range []string{"a", "b"} {
			res, err := db.Exec(`UPDATE sessions SET state = 'claimed' WHERE containerHost = ?`, host)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := res.RowsAffected(); err != nil || (n == 1) != (host == "a") {
				t.Errorf("rows of host %s affected: %d, %v", host, n, err)
			}
		}
	})
}

// TestKeys checks what the unique keys refuse, that [database.IsDuplicate] says
// so, and that text is compared byte by byte.
func TestKeys(t *testing.T) {
	const row = `INSERT INTO sessions (id, containerHost, slot, port, identity, token, wrpContainerId, state, started) VALUES (?, ?, ?, ?, ?, ?, ?, 'x', '2024-06-01 00:00:00')`
	tests := []struct {
		name   string
		values []any // next to 1, "a", 0, 9000, id1, "t", "c"
		want   bool
	}{
		{"id", []any{1, "b", 1, 9001, nil, nil, nil}, true},
		{"slot", []any{2, "a", 0, 9001, nil, nil, nil}, true},
		{"port", []any{2, "a", 1, 9000, nil, nil, nil}, true},
		{"identity", []any{2, "b", 1, 9001, database.Identity("a", "b"), nil, nil}, true},
		{"token", []any{2, "b", 1, 9001, nil, "t", nil}, true},
		{"container", []any{2, "b", 1, 9001, nil, nil, "c"}, true},
		{"other host", []any{2, "b", 0, 9000, nil, nil, nil}, false},
		{"other host by case", []any{2, "A", 0, 9000, nil, nil, nil}, false},
		{"other host by accent", []any{2, "á", 0, 9000, nil, nil, nil}, false},
		{"other token by case", []any{2, "b", 0, 9000, nil, "T", nil}, false},
		{"other identity", []any{2, "b", 0, 9000, database.Identity("A", "b"), nil, nil}, false},
	}
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		for _, tt := range tests {
			mustExec(t, db, `DELETE FROM sessions`)
			mustExec(t, db, row, 1, "a", 0, 9000, database.Identity("a", "b"), "t", "c")
			_, err := db.Exec(row, tt.values...)
			if got := database.IsDuplicate(err); got != tt.want || !tt.want && err != nil {
				t.Errorf("%s: IsDuplicate(%v) = %v, want %v", tt.name, err, got, tt.want)
			}
		}
		_, err := db.Exec(`INSERT INTO sessions (containerHost, slot, port, state) VALUES ('n', 0, 0, 'x')`) // no started
		if err == nil || database.IsDuplicate(err) || database.IsUnavailable(err) {
			t.Errorf("a missing value is %v: duplicate %v, unavailable %v; want neither", err, database.IsDuplicate(err), database.IsUnavailable(err))
		}
		if database.IsDuplicate(nil) || database.IsUnavailable(nil) {
			t.Error("no error is a duplicate, or makes a database unavailable")
		}
	})
}

// TestText checks that any User-Agent comes back as it was, and that what does
// not fit is refused rather than cut off.
func TestText(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		insert(t, db, "a", 0)
		for _, agent := range []string{"", "AmiFox/1.0 (Amiga)", "🦊 'quoted' \"\\'\\ <b>%s\x00\x1a ", "2024-06-01 00:00:00", strings.Repeat("é", 16<<10)} {
			mustExec(t, db, `UPDATE sessions SET clientUserAgent = ?, identity = ?`, agent, database.Identity("", agent))
			var got string
			if err := db.Get(&got, `SELECT clientUserAgent FROM sessions WHERE clientUserAgent = ? AND identity = ?`, agent, database.Identity("", agent)); err != nil || got != agent {
				t.Errorf("User-Agent %.40q came back as %.40q, %v", agent, got, err)
			}
		}
		if db.DriverName() != "mysql" {
			return // has no limits
		}
		if _, err := db.Exec(`UPDATE sessions SET clientUserAgent = ?`, strings.Repeat("x", 1<<16)); err == nil {
			t.Error("a text that does not fit was cut off")
		}
	})
}

// TestDefaults checks the columns that a row without a client leaves out, and
// that ids are not used twice.
func TestDefaults(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		insert(t, db, "a", 0)
		var s struct {
			ID                       int64
			IP                       string `db:"clientIp"`
			UserAgent                string `db:"clientUserAgent"`
			Identity                 []byte
			Container, Token, Nonce_ *string
			TLS                      bool
		}
		err := db.Get(&s, `SELECT id, clientIp, clientUserAgent, identity, wrpContainerId AS container, token, nonce AS nonce_, tls FROM sessions`)
		if err != nil || s.IP != "" || s.UserAgent != "" || s.Identity != nil || s.Container != nil || s.Token != nil || s.Nonce_ != nil || s.TLS {
			t.Errorf("defaults are %+v, %v", s, err)
		}
		mustExec(t, db, `DELETE FROM sessions`)
		insert(t, db, "a", 0)
		var id int64
		if err := db.Get(&id, `SELECT id FROM sessions`); err != nil || id <= s.ID {
			t.Errorf("id after %d was deleted: %d, %v", s.ID, id, err)
		}
	})
}

// TestDatabaseIDIsRandomAndStays checks that no two databases have one id, and that
// migrating again does not change it.
func TestDatabaseIDIsRandomAndStays(t *testing.T) {
	seen := make(map[string]bool)
	for range 2 {
		databasetest.Each(t, func(t *testing.T, db *database.DB) {
			first, err := db.DatabaseID(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			again, err := db.DatabaseID(t.Context())
			if err != nil || again != first || len(first) != 32 || strings.Trim(first, "0123456789abcdef") != "" {
				t.Errorf("DatabaseID = %q, later %q, %v; want 32 hex digits that stay", first, again, err)
			}
			if seen[first] {
				t.Errorf("DatabaseID %s was seen before", first)
			}
			seen[first] = true
		})
	}
}
