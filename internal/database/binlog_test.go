package database_test

import (
	"database/sql"
	"strings"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

// TestServerThatLogsStatements: where our account may have its own writes logged
// otherwise, all works; else the error says why, and what would help.
func TestServerThatLogsStatements(t *testing.T) {
	t.Parallel() // it mostly waits
	server := databasetest.Server(t, "--log-bin=binlog", "--server-id=1", "--binlog-format=STATEMENT")
	cfg := server.Config(t)
	admin := raw(t, cfg)
	if got := dump(t, admin, `SELECT @@log_bin AS log, @@binlog_format AS format`); got != "log=1 format=STATEMENT \n" {
		t.Fatalf("the server has %s", got)
	}
	plain := account(t, admin, cfg, "ALL")
	db, err := database.OpenAndMigrate(t.Context(), plain)
	if err == nil {
		db.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "binlog_format=STATEMENT") || !strings.Contains(err.Error(), "BINLOG ADMIN") {
		t.Errorf("an account that may change nothing: %v, want cause and mend", err)
	}
	if database.IsUnavailable(err) {
		t.Errorf("%v is taken for something that passes", err)
	}
	db = databasetest.Open(t, cfg)
	insert(t, db, "a", 0)
	mustExec(t, db, `UPDATE sessions SET state = 'claimed'`)

	mustExec(t, admin, `SET GLOBAL binlog_format = 'MIXED'`)
	db = databasetest.Open(t, plain)
	mustExec(t, db, `UPDATE sessions SET state = 'claimed'`)
}

// TestFirstRefusedWriteIsNamed: the first statement that an account may not run is
// the one that is reported, also on the second try.
func TestFirstRefusedWriteIsNamed(t *testing.T) {
	t.Parallel()                            // it mostly waits
	cfg := databasetest.Server(t).Config(t) // where we may make accounts
	plain := account(t, raw(t, cfg), cfg, "CREATE, SELECT, DROP, ALTER, INDEX")
	for range 2 {
		db, err := database.OpenAndMigrate(t.Context(), plain)
		if err == nil {
			db.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "INSERT command denied") {
			t.Errorf("migrate without the right to insert: %v, want that named", err)
		}
	}
}

// account makes an account with these rights on the database of cfg, and no others.
func account(t *testing.T, admin *sql.DB, cfg database.Config, rights string) database.Config {
	t.Helper()
	c := cfg.MySQL.Clone()
	name := strings.Replace(c.DBName, "test", "u", 1)
	name = name[max(0, len(name)-30):]
	mustExec(t, admin, `CREATE USER '`+name+`'@'%' IDENTIFIED BY 'plain'; GRANT `+rights+` ON `+c.DBName+`.* TO '`+name+`'@'%'`)
	c.User, c.Passwd = name, "plain"
	return database.Config{MySQL: c}
}
