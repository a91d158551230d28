package database_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

func TestIsUnavailable(t *testing.T) {
	tests := []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("anything"), false},
		{context.Canceled, false},
		{context.DeadlineExceeded, false},
		{driver.ErrBadConn, true},
		{mysql.ErrInvalidConn, true},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, true},
		{&mysql.MySQLError{Number: 1040}, true},  // too many connections
		{&mysql.MySQLError{Number: 1053}, true},  // shutting down
		{&mysql.MySQLError{Number: 1205}, true},  // lock wait
		{&mysql.MySQLError{Number: 1290}, true},  // read-only
		{&mysql.MySQLError{Number: 1062}, false}, // duplicate
		{&mysql.MySQLError{Number: 1064}, false}, // syntax
		{&mysql.MySQLError{Number: 1146}, false}, // no such table
		{&mysql.MySQLError{Number: 1406}, false}, // too long
		{database.ErrNoDatabase, true},
	}
	for _, tt := range tests {
		if got := database.IsUnavailable(tt.err); got != tt.want {
			t.Errorf("IsUnavailable(%v) = %v, want %v", tt.err, got, tt.want)
		}
		if tt.err == nil {
			continue
		}
		if got := database.IsUnavailable(fmt.Errorf("wrapped: %w", tt.err)); got != tt.want {
			t.Errorf("IsUnavailable(wrapped %v) = %v, want %v", tt.err, got, tt.want)
		}
	}
}

// TestOnlyMistakesAreRefusals: they are outages too, for a service that runs.
func TestOnlyMistakesAreRefusals(t *testing.T) {
	for _, number := range []uint16{1044, 1045, 1049, 1130, 1698} {
		err := fmt.Errorf("wrapped: %w", &mysql.MySQLError{Number: number})
		if !database.IsRefusal(err) || !database.IsUnavailable(err) {
			t.Errorf("%v: refusal %v, outage %v; want both", err, database.IsRefusal(err), database.IsUnavailable(err))
		}
	}
	for _, err := range []error{
		nil, driver.ErrBadConn, mysql.ErrInvalidConn, context.DeadlineExceeded,
		&net.OpError{Op: "dial", Err: errors.New("refused")},
		&mysql.MySQLError{Number: 1040}, // too many connections
		&mysql.MySQLError{Number: 1053}, // shutting down
		&mysql.MySQLError{Number: 1129}, // blocked, for the errors of an outage
		&mysql.MySQLError{Number: 1205}, // lock wait
		&mysql.MySQLError{Number: 1290}, // read-only
		&mysql.MySQLError{Number: 1146}, // no such table
	} {
		if database.IsRefusal(err) {
			t.Errorf("IsRefusal(%v), want not", err)
		}
	}
}

// TestOutage takes the server away in every way there is. Each time the error must
// come without the caller's context, and be recognised, and all must be well when the
// server is back.
func TestOutage(t *testing.T) {
	t.Parallel() // it mostly waits
	tests := []struct {
		name       string
		away, back func(t *testing.T, server *databasetest.Daemon)
	}{
		{"stopped", func(_ *testing.T, s *databasetest.Daemon) { s.Stop() }, start},
		{"killed", func(_ *testing.T, s *databasetest.Daemon) { s.Kill() }, start},
		{"paused", func(_ *testing.T, s *databasetest.Daemon) { s.Pause() }, func(_ *testing.T, s *databasetest.Daemon) { s.Unpause() }},
	}
	server := databasetest.Server(t)
	cfg := server.Config(t)
	db := databasetest.Open(t, cfg)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db.DatabaseID(t.Context()) // there is a connection
			tt.away(t, server)
			for _, how := range []string{"a kept connection", "a new connection"} {
				if _, err := db.DatabaseID(ofItself(t)); !database.IsUnavailable(err) {
					t.Errorf("DatabaseID on %s: %v, want a recognised error", how, err)
				}
			}
			err := database.InTx(t.Context(), db, func(*sqlx.Tx) error { return errors.New("ran") })
			if !database.IsUnavailable(err) {
				t.Errorf("InTx = %v, want a recognised error", err)
			}
			if _, err := database.Open(t.Context(), cfg); !database.IsUnavailable(err) {
				t.Errorf("Open = %v, want a recognised error", err)
			}
			tt.back(t, server)
			if _, err := db.DatabaseID(t.Context()); err != nil {
				t.Errorf("when the server is back: %v", err)
			}
		})
	}
}

func start(t *testing.T, s *databasetest.Daemon) {
	t.Helper()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
}

// TestOutageInTx stops the server in the middle of a transaction.
func TestOutageInTx(t *testing.T) {
	t.Parallel() // it mostly waits
	server := databasetest.Server(t)
	db := databasetest.Open(t, server.Config(t))
	runs := 0
	err := database.InTx(t.Context(), db, func(tx *sqlx.Tx) error {
		runs++
		server.Kill()
		return database.LockPool(t.Context(), tx)
	})
	if !database.IsUnavailable(err) || runs != 1 {
		t.Errorf("InTx = %v after %d runs, want an outage after one", err, runs)
	}
}

// TestReadOnly checks that a server which has become read-only is an outage, not
// a mistake, and is used again when it is over.
func TestReadOnly(t *testing.T) {
	t.Parallel() // it mostly waits
	server := databasetest.Server(t)
	cfg := server.Config(t)
	databasetest.Open(t, cfg)
	admin := raw(t, cfg)
	// An account that read_only applies to.
	mustExec(t, admin, `CREATE USER 'plain'@'%' IDENTIFIED BY 'plain'; GRANT ALL ON `+cfg.MySQL.DBName+`.* TO 'plain'@'%'`)
	plain := database.Config{MySQL: cfg.MySQL.Clone()}
	plain.MySQL.User, plain.MySQL.Passwd = "plain", "plain"
	db := databasetest.Open(t, plain)
	process := register(t, db, "")
	mustExec(t, admin, `SET GLOBAL read_only = ON`)
	if _, err := db.Exec(`UPDATE pool SET description = 'x'`); !database.IsUnavailable(err) {
		t.Errorf("UPDATE on a read-only server = %v, want an outage", err)
	}
	if ping, beat := db.PingContext(t.Context()), db.Beat(t.Context(), process); ping != nil || !database.IsUnavailable(beat) || !strings.Contains(beat.Error(), "read-only") {
		t.Errorf("on a read-only server Ping = %v, Beat = %v; want an answer, and an outage that says so", ping, beat)
	}
	try := db.TryWrite(t.Context())
	if mend := plain.Mend(try); !database.IsUnavailable(try) || !strings.Contains(try.Error(), "read-only") || !strings.Contains(mend.Do, "writable") {
		t.Errorf("a write that is tried on a read-only server = %v, to be mended by %v", try, mend)
	}
	mustExec(t, admin, `SET GLOBAL read_only = OFF`)
	if err := db.TryWrite(t.Context()); err != nil {
		t.Errorf("a write that is tried after that: %v", err)
	}
	if _, err := db.Exec(`UPDATE pool SET description = 'x'`); err != nil {
		t.Errorf("UPDATE after that: %v", err)
	}
}

// TestLockWait checks that a row which another transaction keeps locked is an outage
// too, after a bounded time.
func TestLockWait(t *testing.T) {
	t.Parallel() // it mostly waits
	db := databasetest.NewMySQL(t)
	tx := db.MustBegin()
	defer tx.Rollback()
	mustExec(t, tx, `UPDATE pool SET description = 'x'`)
	_, err := db.ExecContext(ofItself(t), `UPDATE pool SET description = 'y'`)
	if !database.IsUnavailable(err) {
		t.Errorf("UPDATE of a locked row = %v, want an outage", err)
	}
}

// TestSQLiteOutage takes the file's folder away.
func TestSQLiteOutage(t *testing.T) {
	cfg := databasetest.Config(t, "sqlite")
	databasetest.Open(t, cfg).Close()
	cfg.Create = false
	for _, breakIt := range []func() error{
		func() error {
			return os.WriteFile(cfg.Path, []byte("this is no database, and longer than its header is; this is no database, and longer than its header is"), 0o600)
		},
		func() error { return os.Remove(cfg.Path) },
	} {
		if err := breakIt(); err != nil {
			t.Fatal(err)
		}
		if _, err := database.Open(t.Context(), cfg); !database.IsUnavailable(err) {
			t.Errorf("Open = %v, want an outage", err)
		}
	}
}

// TestBeatDisturbsNobody checks that any number of processes may beat, also beside a
// claim.
func TestBeatDisturbsNobody(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		a, b := register(t, db, "a"), register(t, db, "b")
		for _, p := range []database.Process{a, b, a} {
			if err := db.Beat(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		if db.DriverName() == "sqlite" {
			return // there is one writer at a time
		}
		tx := db.MustBegin()
		defer tx.Rollback()
		if err := database.LockPool(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
		if err := db.Beat(t.Context(), a); err != nil {
			t.Errorf("beside a claim: %v", err)
		}
	})
}

// TestBeatNeedsAWriteOnSQLite is [TestReadOnly] for the other dialect.
func TestBeatNeedsAWriteOnSQLite(t *testing.T) {
	db := databasetest.New(t)
	process := register(t, db, "")
	mustExec(t, db, `PRAGMA query_only = 1`)
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Beat(t.Context(), process); !database.IsUnavailable(err) {
		t.Errorf("Beat where nothing may be written = %v, want an outage", err)
	}
}
