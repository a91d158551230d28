package database_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

// newProcess returns a process that was not registered yet.
func newProcess(t *testing.T, db *database.DB, machine string) database.Process {
	t.Helper()
	id, err := db.DatabaseID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return database.Process{ID: database.NewProcessID(), DatabaseID: id, Kind: "distributor", Machine: machine, Pool: "hosts a=1"}
}

func register(t *testing.T, db *database.DB, machine string) database.Process {
	t.Helper()
	p := newProcess(t, db, machine)
	if err := db.Register(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return p
}

// seen makes it so long ago that a process was seen.
func seen(t *testing.T, db *database.DB, p database.Process, seconds int) {
	t.Helper()
	mustExec(t, db, `UPDATE processes SET seen = `+db.SecondsAgo()+` WHERE id = ?`, seconds, p.ID)
}

func living(t *testing.T, db *database.DB) string {
	t.Helper()
	list, err := db.Living(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range list {
		names = append(names, p.Machine)
	}
	return strings.Join(names, " ")
}

// TestProcessesLiveAndDie: what one process learns of the others.
func TestProcessesLiveAndDie(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		a, b := register(t, db, "a"), register(t, db, "b")
		mustExec(t, db, `UPDATE processes SET started = `+db.SecondsAgo()+` WHERE id = ?`, 60, a.ID)
		if got := living(t, db); got != "a b" {
			t.Errorf("living: %q, want both", got)
		}
		seen(t, db, b, 31)
		if got := living(t, db); got != "a" {
			t.Errorf("living: %q, want the one that was seen", got)
		}
		if err := db.Beat(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if got := living(t, db); got != "a b" {
			t.Errorf("living: %q, want both after a heartbeat", got)
		}
		if err := db.EndProcess(t.Context(), a.ID); err != nil {
			t.Fatal(err)
		}
		if got := living(t, db); got != "b" {
			t.Errorf("living: %q, want the one that was not stopped", got)
		}
		c := register(t, db, "c")
		checkProcessRows(t, db, 3) // the stopped one's says where its gateway was
		seen(t, db, a, 24*3600+5)
		register(t, db, "d")
		checkProcessRows(t, db, 3)

		mustExec(t, db, `DELETE FROM processes WHERE id = ?`, c.ID)
		if err := db.Beat(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		checkProcessRows(t, db, 3)
	})
}

func checkProcessRows(t *testing.T, db *database.DB, want int) {
	t.Helper()
	var rows int
	if err := db.Get(&rows, `SELECT COUNT(*) FROM processes`); err != nil || rows != want {
		t.Errorf("%d rows, %v; want %d", rows, err, want)
	}
}

// TestProcessTakesAnyName: what people call it does not keep it from working.
func TestProcessTakesAnyName(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := newProcess(t, db, strings.Repeat("ü", 300))
		p.Instance, p.Version = strings.Repeat("🦊", 300), strings.Repeat("v", 300)
		if err := db.Register(t.Context(), p); err != nil {
			t.Error(err)
		}
	})
}

// TestHeartbeatWithoutSchema: tables that are gone, or are another database's now, are
// told from an outage.
func TestHeartbeatWithoutSchema(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		p := register(t, db, "a")
		check := func(what string) {
			t.Helper()
			if err := db.Beat(t.Context(), p); !errors.Is(err, database.ErrNoSchema) {
				t.Errorf("%s: Beat = %v, want ErrNoSchema", what, err)
			}
		}
		mustExec(t, db, `DELETE FROM processes`)
		mustExec(t, db, `UPDATE pool SET databaseId = 'ffffffffffffffffffffffffffffffff'`)
		check("another database")
		mustExec(t, db, `DROP TABLE processes`)
		check("no tables")
	})
}

// TestDownRefusesWhileAProcessLives, and names it. Processes of an earlier version have
// no row, only a time that all of them share.
func TestDownRefusesWhileAProcessLives(t *testing.T) {
	db := databasetest.NewMySQL(t)
	p := register(t, db, "box")
	refused := func(what, want string) {
		t.Helper()
		for _, err := range []error{db.RefuseLiving(t.Context()), database.Down(t.Context(), db)} {
			living, ok := errors.AsType[*database.LivingError](err)
			if !ok || len(living.Processes) != 1 || !strings.Contains(err.Error(), want) {
				t.Fatalf("%s: Down = %v, want a refusal that names %q", what, err, want)
			}
		}
		checkProcessRows(t, db, 1)
	}
	refused("alive", "distributor on box")
	if err := db.EndProcess(t.Context(), p.ID); err != nil {
		t.Fatal(err)
	}
	// As earlier versions write it.
	mustExec(t, db, `INSERT INTO leases (name, holder, expires) VALUES ('heartbeat', '', `+db.Now()+`)`)
	refused("of an earlier version", "earlier version")
	mustExec(t, db, `UPDATE leases SET expires = `+db.SecondsAgo()+` WHERE name = 'heartbeat'`, 31)
	if err := database.Down(t.Context(), db); err != nil {
		t.Errorf("stopped: Down = %v", err)
	}
	if err := db.Beat(t.Context(), p); !errors.Is(err, database.ErrNoSchema) {
		t.Errorf("after Down: Beat = %v, want ErrNoSchema", err)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Beat(t.Context(), p); !errors.Is(err, database.ErrNoSchema) {
		t.Errorf("after the way up again: Beat = %v, want ErrNoSchema, since containers have another label", err)
	}
}

// TestDownTakesTheDeadForDead: a process that was killed does not keep it waiting for
// longer than that.
func TestDownTakesTheDeadForDead(t *testing.T) {
	db := databasetest.NewMySQL(t)
	seen(t, db, register(t, db, "box"), 31)
	if err := database.Down(t.Context(), db); err != nil {
		t.Error(err)
	}
}

// TestRegisterWaitsForMigration: a process that starts while the tables are given back
// must not become known to nobody.
func TestRegisterWaitsForMigration(t *testing.T) {
	cfg := databasetest.Config(t, "mysql")
	db := databasetest.Open(t, cfg)
	p := newProcess(t, db, "late")
	holder, err := raw(t, cfg).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	lock := func(call string) {
		t.Helper()
		var got sql.NullBool
		err := holder.QueryRowContext(t.Context(), `SELECT `+call).Scan(&got)
		if err != nil || !got.Bool {
			t.Fatalf("%s = %v, %v", call, got, err)
		}
	}
	const name = `CONCAT('wrp-distributor.', LEFT(SHA2(DATABASE(), 256), 32))`
	lock(`GET_LOCK(` + name + `, 60)`) // a connection that migrated may still be about to end
	registered := make(chan error)
	go func() { registered <- db.Register(t.Context(), p) }()
	observer := raw(t, cfg)
	eventually(t, "Register waits for the migration lock", func() bool {
		return dump(t, observer, `SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND STATE = 'User lock'`) == "n=1 \n"
	})
	mustExec(t, observer, `RENAME TABLE processes TO p`)
	lock(`RELEASE_LOCK(` + name + `)`)
	if err := <-registered; !errors.Is(err, database.ErrNoSchema) {
		t.Errorf("Register = %v, want ErrNoSchema", err)
	}
}
