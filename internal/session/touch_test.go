package session_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

func numbered(i int) session.Client {
	return session.Client{IP: "192.0.2.1", UserAgent: fmt.Sprintf("AmiFox/%d", i)}
}

// insertRunning inserts the running sessions of numbered clients.
func insertRunning(t testing.TB, db *database.DB, n int) {
	t.Helper()
	tx := db.MustBegin()
	defer tx.Rollback()
	for i := range n {
		c := numbered(i)
		tx.MustExec(`
			INSERT INTO sessions (clientIp, clientUserAgent, identity, containerHost, slot, port, state, started, lastUsed)
			VALUES (?, ?, ?, 'host0', ?, ?, 'running', `+db.Now()+`, NULL)`,
			c.IP, c.UserAgent, database.Identity(c.IP, c.UserAgent), i, 9090+i)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// A touching is a touch under way.
type touching struct {
	client session.Client
	result chan error
}

func touch(m *session.Manager, clients ...session.Client) []touching {
	list := make([]touching, len(clients))
	for i, c := range clients {
		list[i] = touching{c, make(chan error, 1)}
		go func() { list[i].result <- m.Touch(context.Background(), c) }()
	}
	return list
}

func wantTouched(t *testing.T, list []touching, want error) {
	t.Helper()
	for _, one := range list {
		if err := <-one.result; !errors.Is(err, want) {
			t.Errorf("Touch of %s = %v, want %v", one.client.UserAgent, err, want)
		}
	}
}

func awaitQueued(t *testing.T, k *servicetest.Kit, keys int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d touches wait in one batch", keys), func() bool {
		batches, n := k.Sessions.Queued()
		return batches == min(keys, 1) && n == keys
	})
}

// eachHeld runs fn on both databases with the sessions of 20 clients. The touch of client 0
// is under way until release.
func eachHeld(t *testing.T, fn func(t *testing.T, k *servicetest.Kit, first []touching, ids []int64, release func())) {
	for _, dialect := range []string{"sqlite", "mysql"} {
		t.Run(dialect, func(t *testing.T) {
			cfg := databasetest.Migrated(t, dialect)
			db, other := databasetest.Open(t, cfg), databasetest.Open(t, cfg)
			k := newKit(t, db, servicetest.Options{})
			insertRunning(t, db, 20)
			var ids []int64
			must(t, db.Select(&ids, `SELECT id FROM sessions ORDER BY id`))
			tx := other.MustBegin()
			tx.MustExec(`UPDATE sessions SET settings = 'held' WHERE slot = 0`)
			first := touch(k.Sessions, numbered(0))
			eventually(t, "the first touch is under way", func() bool { return k.DB.Stats().InUse > 0 })
			fn(t, k, first, ids, func() { must(t, tx.Rollback()) })
		})
	}
}

func unusedSessions(t *testing.T, k *servicetest.Kit) (n int) {
	t.Helper()
	must(t, k.DB.Get(&n, `SELECT COUNT(*) FROM sessions WHERE lastUsed IS NULL`))
	return n
}

// TestTouchesThatWaitGoTogether: and each client learns about its own session. Several
// requests of one are one.
func TestTouchesThatWaitGoTogether(t *testing.T) {
	eachHeld(t, func(t *testing.T, k *servicetest.Kit, first []touching, _ []int64, release func()) {
		var running []touching
		for i := range 20 {
			running = append(running, touch(k.Sessions, numbered(i), numbered(i))...)
		}
		none := touch(k.Sessions, numbered(100), amiga)
		awaitQueued(t, k, 22)
		release()
		wantTouched(t, slices.Concat(first, running), nil)
		wantTouched(t, none, session.ErrNotFound)
		if n := unusedSessions(t, k); n != 0 {
			t.Errorf("%d sessions look unused", n)
		}
	})
}

// TestGatewayTouchesTogetherWithClients: by the session's id what its client touches by who
// it is.
func TestGatewayTouchesTogetherWithClients(t *testing.T) {
	eachHeld(t, func(t *testing.T, k *servicetest.Kit, first []touching, ids []int64, release func()) {
		clients := touch(k.Sessions, numbered(5), numbered(6))
		type outcome struct {
			s   *session.Session
			err error
		}
		results := make(chan outcome, 3)
		for _, id := range []int64{ids[5], ids[7], ids[19] + 1} {
			go func() {
				s, err := k.Sessions.TouchByID(t.Context(), id)
				results <- outcome{s, err}
			}()
		}
		awaitQueued(t, k, 5)
		release()
		wantTouched(t, slices.Concat(first, clients), nil)
		for range 3 {
			switch o := <-results; {
			case o.err == nil && o.s.LastUsed.Valid && (o.s.ID == ids[5] || o.s.ID == ids[7]):
			case errors.Is(o.err, session.ErrNotFound):
			default:
				t.Errorf("TouchByID = %+v, %v; want a session that was used, or ErrNotFound", o.s, o.err)
			}
		}
		if n := unusedSessions(t, k); n != 16 {
			t.Errorf("%d sessions look unused, want 16 of 20", n)
		}
	})
}

// TestTouchThatGivesUpTakesNothingFromOthers: neither from those it waits with, nor, if it
// was the last to wait, from those that come after.
func TestTouchThatGivesUpTakesNothingFromOthers(t *testing.T) {
	eachHeld(t, func(t *testing.T, k *servicetest.Kit, first []touching, _ []int64, release func()) {
		k.Sessions.SetDatabaseLimit(time.Millisecond)
		wantTouched(t, touch(k.Sessions, numbered(1), numbered(2)), session.ErrBudget)
		awaitQueued(t, k, 0)
		k.Sessions.SetDatabaseLimit(time.Hour)
		patient := touch(k.Sessions, numbered(3))
		awaitQueued(t, k, 1)
		k.Sessions.SetDatabaseLimit(time.Millisecond)
		wantTouched(t, touch(k.Sessions, numbered(4)), session.ErrBudget)
		release()
		wantTouched(t, slices.Concat(first, patient), nil)
	})
}

// TestTouchOfSessionThatIsBeingStopped stops one of several between the look-up and the
// touch.
func TestTouchOfSessionThatIsBeingStopped(t *testing.T) {
	cfg := databasetest.Migrated(t, "mysql")
	db, other := databasetest.Open(t, cfg), databasetest.Open(t, cfg)
	k := newKit(t, db, servicetest.Options{})
	insertRunning(t, db, 20)
	holding, stopping := other.MustBegin(), other.MustBegin()
	holding.MustExec(`UPDATE sessions SET settings = 'held' WHERE slot = 0`)
	stopping.MustExec(`UPDATE sessions SET state = 'stopping', identity = NULL WHERE slot = 5`)
	blocked := func(n int) {
		awaitStatement(t, other, "UPDATE sessions SET lastUsed")
		eventually(t, fmt.Sprintf("only touch %d is under way", n), func() bool { return k.DB.Stats().InUse == 1 })
	}
	first := touch(k.Sessions, numbered(0))
	blocked(1)
	stopped, others := touch(k.Sessions, numbered(5)), touch(k.Sessions, numbered(4), numbered(6))
	awaitQueued(t, k, 3)
	must(t, holding.Rollback())
	wantTouched(t, first, nil)
	blocked(2)
	must(t, stopping.Commit())
	wantTouched(t, others, nil)
	wantTouched(t, stopped, session.ErrNotFound)
}

// TestTouchersDoNotDeadlock has several processes touch the same 64 sessions, by client and
// by session, each in an order of its own. There are so many others that the server
// finds these by their keys.
func TestTouchersDoNotDeadlock(t *testing.T) {
	const processes, rounds, rows, used = 6, 40, 2000, 64
	server := databasetest.Server(t)
	cfg := server.Config(t)
	db := databasetest.Open(t, cfg)
	insertRunning(t, db, rows)
	db.MustExec(`ANALYZE TABLE sessions`)
	var ids []int64
	must(t, db.Select(&ids, `SELECT id FROM sessions ORDER BY id`))
	var wg sync.WaitGroup
	for range processes {
		store := session.NewStore(databasetest.Open(t, cfg), time.Hour)
		wg.Go(func() {
			for range rounds {
				var some [][]byte
				list := make([]int64, used)
				for i, n := range rand.Perm(used) {
					list[i] = ids[n*3]
					c := numbered(n * 3)
					some = append(some, database.Identity(c.IP, c.UserAgent))
				}
				if n, err := store.TouchClients(t.Context(), some); n != used || err != nil {
					t.Errorf("%d clients' sessions touched, %v; want %d", n, err, used)
				}
				if n, err := store.TouchAll(t.Context(), list); n != used || err != nil {
					t.Errorf("%d sessions touched, %v; want %d", n, err, used)
				}
			}
		})
	}
	wg.Wait()
	var deadlocks int
	must(t, db.Get(&deadlocks, `SELECT COUNT FROM information_schema.innodb_metrics WHERE NAME = 'lock_deadlocks'`))
	if deadlocks > 0 {
		t.Errorf("%d deadlocks in %d statements", deadlocks, 2*processes*rounds)
	}
}

// TestClientsAreFoundByIdentity: an index on states, which most rows share, is not used.
func TestClientsAreFoundByIdentity(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		insertRunning(t, db, 2000)
		db.MustExec(`CREATE INDEX by_state ON sessions (state)`)
		explain := "EXPLAIN QUERY PLAN "
		if db.DriverName() == "mysql" {
			explain = "EXPLAIN "
			db.MustExec(`ANALYZE TABLE sessions`)
		}
		clients := make([][]byte, 64)
		for i := range clients {
			c := numbered(i)
			clients[i] = database.Identity(c.IP, c.UserAgent)
		}
		query, args, err := sqlx.In(explain+session.LookUpClients, clients)
		must(t, err)
		rows, err := db.Queryx(query, args...)
		must(t, err)
		defer rows.Close()
		var plan strings.Builder
		for rows.Next() {
			columns, err := rows.SliceScan()
			must(t, err)
			for _, c := range columns {
				fmt.Fprintf(&plan, "%s ", c)
			}
		}
		must(t, rows.Err())
		if !strings.Contains(plan.String(), "identity") || strings.Contains(plan.String(), "by_state") {
			t.Errorf("plan = %q, want the index on identities", plan.String())
		}
	})
}
