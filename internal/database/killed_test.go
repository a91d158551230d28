package database_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/proctest"
)

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

// A process is killed at each of its writes by make e2e, which takes minutes, and at one
// of so many by make test: an odd number, since every other one does something else.
const (
	each = 1
	some = 7
)

func TestMigrateKilled(t *testing.T)    { killMigration(t, some) }
func TestE2EMigrateKilled(t *testing.T) { proctest.E2E(t); killMigration(t, each) }

// killMigration kills the adoption of an original database, and expects the next run to
// end as an undisturbed one.
func killMigration(t *testing.T, oneOf int) {
	t.Helper()
	cfg, rawDB := original(t)
	databasetest.Open(t, cfg)
	want := state(t, rawDB)
	everywhere(t, oneOf, func(t *testing.T, n int, after bool) bool {
		cfg, rawDB := original(t)
		done := cut(t, cfg, n, after, migrate)
		databasetest.Open(t, cfg)
		if diff := cmp.Diff(want, state(t, rawDB)); diff != "" {
			t.Fatalf("after another run (-undisturbed +got):\n%s", diff)
		}
		return done
	})
}

func TestDownKilled(t *testing.T)    { killDown(t, some) }
func TestE2EDownKilled(t *testing.T) { proctest.E2E(t); killDown(t, each) }

// killDown kills the way down. One run more, in either direction, must end as an
// undisturbed one.
func killDown(t *testing.T, oneOf int) {
	t.Helper()
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
	everywhere(t, oneOf, func(t *testing.T, n int, after bool) bool {
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

func TestGiveUp(t *testing.T)    { giveUp(t, some) }
func TestE2EGiveUp(t *testing.T) { proctest.E2E(t); giveUp(t, each) }

// giveUp kills the adoption and goes back: the original must find every statistics row
// and every container again.
func giveUp(t *testing.T, oneOf int) {
	t.Helper()
	const containers = `SELECT id, wrpContainerId, containerHost, port, started FROM sessions WHERE id IN (2, 3, 4, 9, 12) ORDER BY id`
	everywhere(t, oneOf, func(t *testing.T, n int, after bool) bool {
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
// step was done before. Those that are sent are other ones than those that are not.
func everywhere(t *testing.T, oneOf int, kill func(t *testing.T, n int, after bool) (done bool)) {
	t.Helper()
	for _, after := range []bool{false, true} {
		n := 1 - oneOf
		if after {
			n += oneOf / 2
		}
		for done := false; !done && !t.Failed(); {
			n += oneOf
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
