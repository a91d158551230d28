package database_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

// TestMigrateTogether lets eight processes start at once on one database, each
// with connections of its own.
func TestMigrateTogether(t *testing.T) {
	tests := []struct {
		name   string
		config func(t *testing.T) database.Config
	}{
		{"sqlite", func(t *testing.T) database.Config { return databasetest.Config(t, "sqlite") }},
		{"mysql", func(t *testing.T) database.Config { return databasetest.Config(t, "mysql") }},
		{"original", func(t *testing.T) database.Config { cfg, _ := original(t); return cfg }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := tt.config(t)
			ids := make([]string, 8)
			var wg sync.WaitGroup
			for i := range ids {
				wg.Go(func() {
					db, err := database.OpenAndMigrate(t.Context(), cfg)
					if err != nil {
						t.Error(err)
						return
					}
					defer db.Close()
					if ids[i], err = db.DatabaseID(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if len(ids[0]) != 32 || fmt.Sprint(ids) != fmt.Sprint([]string{ids[0], ids[0], ids[0], ids[0], ids[0], ids[0], ids[0], ids[0]}) {
				t.Errorf("database ids = %q, want one of 32 digits", ids)
			}
			var twice int
			db := databasetest.Open(t, cfg)
			if err := db.Get(&twice, `SELECT COUNT(*) - COUNT(DISTINCT version_id) FROM distributor_migrations`); err != nil || twice != 0 {
				t.Errorf("%d steps were recorded more than once, %v", twice, err)
			}
		})
	}
}

// TestMigrateWaits checks that a process which migrates for ever does not keep
// others waiting for ever, and does not hinder those on other databases.
func TestMigrateWaits(t *testing.T) {
	t.Parallel() // it mostly waits
	t.Run("mysql", func(t *testing.T) {
		cfg := databasetest.Config(t, "mysql")
		holder, err := raw(t, cfg).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer holder.Close()
		if _, err := holder.ExecContext(t.Context(), `SELECT GET_LOCK(CONCAT('wrp-distributor.', LEFT(SHA2(DATABASE(), 256), 32)), 0)`); err != nil {
			t.Fatal(err)
		}
		checkWaits(t, cfg, cfg.MySQL.DBName)
		databasetest.NewMySQL(t)
	})
	t.Run("sqlite", func(t *testing.T) {
		cfg := databasetest.Config(t, "sqlite")
		unlock, err := database.LockFile(t.Context(), cfg.Path+".lock", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		checkWaits(t, cfg, cfg.Path)
	})
}

func checkWaits(t *testing.T, cfg database.Config, name string) {
	t.Helper()
	db, err := database.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetLockWait(time.Second)
	err = db.Migrate(t.Context())
	if err == nil || !strings.Contains(err.Error(), "another process") || !strings.Contains(err.Error(), name) {
		t.Errorf("Migrate beside another one = %v, want an error that names %s", err, name)
	}
	db.SetLockWait(time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := db.Migrate(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Migrate with a deadline = %v, want that", err)
	}
}

// A cutter sees what a client sends, and cuts its connections when that is told:
// before the server has it, or, as far as the client goes, right after.
type cutter struct {
	cut   func(sent []byte) bool
	after bool
	die   context.CancelFunc // of all that the client does
}

type cutConn struct {
	net.Conn
	*cutter
}

func (c cutConn) Write(p []byte) (int, error) {
	if c.cut == nil || !c.cut(p) {
		return c.Conn.Write(p)
	}
	if c.after {
		c.Conn.Write(p)
	}
	c.die()
	c.Conn.Close()
	return 0, net.ErrClosed
}

func (c *cutter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	return cutConn{conn, c}, err
}

// run runs step on a database whose connections are cut, as if the process had
// been killed there.
func (c *cutter) run(t *testing.T, cfg database.Config, cut func([]byte) bool, step func(context.Context, *database.DB) error) error {
	t.Helper()
	cfg.MySQL = cfg.MySQL.Clone()
	cfg.MySQL.DialFunc = c.dial
	db, err := database.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var ctx context.Context
	ctx, c.die = context.WithCancel(t.Context())
	defer c.die()
	c.cut = cut
	return step(ctx, db)
}

// cut kills step at its n-th write. It reports whether it was done before.
func cut(t *testing.T, cfg database.Config, n int, after bool, step func(context.Context, *database.DB) error) bool {
	t.Helper()
	c := &cutter{after: after}
	return c.run(t, cfg, func([]byte) bool { n--; return n <= 0 }, step) == nil
}

func migrate(ctx context.Context, db *database.DB) error { return db.Migrate(ctx) }

// TestLockLost breaks the connection that holds the lock while the process lives
// on: it must not go on without the lock.
func TestLockLost(t *testing.T) {
	cfg := databasetest.Config(t, "mysql")
	var locked, broken bool
	err := new(cutter).run(t, cfg, func(sent []byte) bool {
		first := locked && !broken
		locked, broken = locked || bytes.Contains(sent, []byte("GET_LOCK")), locked
		return first
	}, func(_ context.Context, db *database.DB) error { return db.Migrate(t.Context()) })
	if err == nil {
		t.Error("Migrate went on after it had lost the lock")
	}
}

// TestMigrateKilled kills the adoption of an original database at each of its
// statements, and expects the next run to end as an undisturbed one.
func TestMigrateKilled(t *testing.T) {
	cfg, rawDB := original(t)
	databasetest.Open(t, cfg)
	want := state(t, rawDB)
	everywhere(t, func(t *testing.T, n int, after bool) bool {
		cfg, rawDB := original(t)
		done := cut(t, cfg, n, after, migrate)
		databasetest.Open(t, cfg)
		if diff := cmp.Diff(want, state(t, rawDB)); diff != "" {
			t.Fatalf("after another run (-undisturbed +got):\n%s", diff)
		}
		return done
	})
}

// TestDownKilled kills the way down at each of its statements. One run more, in
// either direction, must end as an undisturbed one.
func TestDownKilled(t *testing.T) {
	fit := func(t *testing.T) (database.Config, *sql.DB, *database.DB) {
		cfg, rawDB := original(t)
		db := databasetest.Open(t, cfg)
		mustExec(t, db, `DELETE FROM sessions WHERE state <> 'running'`)
		return cfg, rawDB, db
	}
	_, rawDB, db := fit(t)
	up := state(t, rawDB)
	if err := database.Down(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	down := state(t, rawDB)
	everywhere(t, func(t *testing.T, n int, after bool) bool {
		cfg, rawDB, db := fit(t)
		done := cut(t, cfg, n, after, database.Down)
		if n%2 == 0 {
			if err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(renumber(up), renumber(state(t, rawDB))); diff != "" {
				t.Fatalf("after going up (-undisturbed +got):\n%s", diff)
			}
		}
		if err := database.Down(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(down, state(t, rawDB)); diff != "" {
			t.Fatalf("after another run (-undisturbed +got):\n%s", diff)
		}
		return done
	})
}

// TestGiveUp kills the adoption at each of its statements and goes back: the
// original must find every statistics row and every container again.
func TestGiveUp(t *testing.T) {
	const containers = `SELECT id, wrpContainerId, containerHost, port, started FROM sessions WHERE id IN (2, 3, 4, 9, 12) ORDER BY id`
	everywhere(t, func(t *testing.T, n int, after bool) bool {
		cfg, rawDB := original(t)
		mustExec(t, rawDB, `DELETE FROM sessions WHERE id IN (1, 8)`) // would be stopping
		wantStatistics, wantContainers := dump(t, rawDB, statisticsRows), dump(t, rawDB, containers)
		done := cut(t, cfg, n, after, migrate)
		db, err := database.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := database.Down(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wantStatistics+wantContainers, dump(t, rawDB, statisticsRows)+dump(t, rawDB, containers)); diff != "" {
			t.Fatalf("after going down (-before +got):\n%s", diff)
		}
		return done
	})
}

// TestServerKilled kills not only the client, as [TestMigrateKilled] does, but also
// the server: while the tables change places, and right after.
func TestServerKilled(t *testing.T) {
	t.Parallel() // it mostly waits
	server := databasetest.Server(t)
	for _, finished := range []bool{false, true} {
		cfg := server.Config(t)
		rawDB := raw(t, cfg)
		fillOriginal(t, rawDB)
		c := &cutter{after: true}
		err := c.run(t, cfg, func(sent []byte) bool { return bytes.Contains(sent, []byte("RENAME TABLE")) }, migrate)
		if err == nil {
			t.Fatal("Migrate came through without RENAME TABLE")
		}
		if finished {
			eventually(t, "RENAME TABLE is carried out", func() bool { return dump(t, rawDB, `SHOW TABLES LIKE 'pool'`) != "" })
		}
		server.Kill()
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		databasetest.Open(t, cfg)
		if got := dump(t, rawDB, `SELECT COUNT(*) AS n FROM sessions`) + dump(t, rawDB, `SELECT COUNT(*) AS n FROM statistics`); got != "n=7 \nn=2 \n" {
			t.Errorf("after a crash, RENAME finished %v: %s, want 7 sessions and 2 samples", finished, got)
		}
	}
}

// everywhere calls kill with growing numbers of writes, until it says that the
// step was done before.
func everywhere(t *testing.T, kill func(t *testing.T, n int, after bool) (done bool)) {
	for _, after := range []bool{false, true} {
		n := 0
		for done := false; !done && !t.Failed(); {
			n++
			t.Run(fmt.Sprintf("write %d sent %v", n, after), func(t *testing.T) { done = kill(t, n, after) })
		}
		if n < 20 && !t.Failed() {
			t.Errorf("done after %d writes: were the connections cut at all?", n)
		}
	}
}

// state is all of a database but for the present time and random values.
func state(t *testing.T, db *sql.DB) string {
	t.Helper()
	const columns = `SELECT id, clientIp, clientUserAgent, wrpContainerId, containerHost, port, started FROM sessions ORDER BY id`
	out := schema(t, db) + dump(t, db, columns) + dump(t, db, statisticsRows) + dump(t, db, doctrineRows) +
		dump(t, db, `SHOW TABLES LIKE 'original%'`)
	if strings.Contains(out, "TABLE_NAME=pool") {
		out += dump(t, db, sessionRows) + dump(t, db, `SELECT COUNT(*) AS pools FROM pool`)
	}
	return out
}

// renumber leaves the slots out of a state: they are ranks among the sessions
// that were there when the original's were taken over.
func renumber(state string) string {
	var out strings.Builder
	for line := range strings.Lines(state) {
		if strings.Contains(line, " slot=") {
			before, after, _ := strings.Cut(line, " slot=")
			_, after, _ = strings.Cut(after, " ")
			line = before + " " + after
		}
		out.WriteString(line)
	}
	return out.String()
}

// A countdown is a context that ends when it has been looked at so many times.
type countdown struct {
	context.Context
	end  context.CancelFunc
	left *atomic.Int64
}

func (c countdown) Done() <-chan struct{} {
	if c.left.Add(-1) == 0 {
		c.end()
	}
	return c.Context.Done()
}

// TestMigrateSQLiteCancelled ends the migration's context early and late, and expects
// the next run to do the rest.
func TestMigrateSQLiteCancelled(t *testing.T) {
	cancelled := 0
	for looks := int64(1); ; looks += 9 {
		cfg := databasetest.Config(t, "sqlite")
		db, err := database.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		ctx := countdown{left: new(atomic.Int64)}
		ctx.Context, ctx.end = context.WithCancel(t.Context())
		defer ctx.end()
		ctx.left.Store(looks)
		done := db.Migrate(ctx) == nil
		if err := db.Migrate(t.Context()); err != nil {
			t.Errorf("after a migration cancelled at the %d. look: %v", looks, err)
		}
		if _, err := db.DatabaseID(t.Context()); err != nil {
			t.Error(err)
		}
		if done || t.Failed() {
			break
		}
		cancelled++
	}
	if cancelled < 5 {
		t.Errorf("cancelled %d times: was the migration interrupted at all?", cancelled)
	}
}

// TestMigrateReadOnlyFolder checks that the error says what cannot be written.
func TestMigrateReadOnlyFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root can write everywhere")
	}
	cfg := databasetest.Config(t, "sqlite")
	os.Chmod(filepath.Dir(cfg.Path), 0o500)
	if _, err := database.OpenAndMigrate(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), cfg.Path) {
		t.Errorf("OpenAndMigrate in a folder that cannot be written = %v, want an error naming %s", err, cfg.Path)
	}
}
