package session

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
)

// TestWrongCountersAreCorrected: by the claim that meets one, and by a recount.
func TestWrongCountersAreCorrected(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		exec := func(query string, args ...any) {
			t.Helper()
			if _, err := db.Exec(query, args...); err != nil {
				t.Fatal(err)
			}
		}
		for _, tt := range []struct {
			name   string
			change string
		}{
			{"too low", `UPDATE counters SET taken = 0`},
			{"too high", `UPDATE counters SET taken = 9`},
			{"missing", `DELETE FROM counters`},
			{"of no rows", `REPLACE INTO counters (containerHost, taken) VALUES ('gone', 3)`},
		} {
			exec(`DELETE FROM sessions`)
			exec(`DELETE FROM counters`)
			st := NewStore(db, time.Minute)
			c := func(i int) claim {
				c := claimOf(i)
				c.strategy, c.hosts = hosts.Equal, []hosts.Load{{Host: "a", Max: 5}, {Host: "b", Max: 5}}
				return c
			}
			for i := range 4 {
				if _, err := st.Claim(t.Context(), c(i)); err != nil {
					t.Fatal(err)
				}
			}
			exec(tt.change)
			st.recounted = time.Now().Add(-recountEvery)
			for i := range 6 {
				if _, err := st.Claim(t.Context(), c(10+i)); err != nil {
					t.Errorf("%s: claim %d = %v", tt.name, i, err)
				}
			}
			st.claims.wait(time.Minute)
			if tt.name != "of no rows" {
				wantCounters(t, db)
			}
			exec(tt.change)
			mustRecount(t, st)
			wantCounters(t, db)
		}
	})
}

// TestHostIsChosenByItsRows: one that looks emptier than it is is not preferred.
func TestHostIsChosenByItsRows(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		st := NewStore(db, time.Minute)
		for i, host := range []string{"a", "a", "a", "b", ""} {
			c := claimOf(i)
			c.strategy, c.hosts = hosts.Equal, []hosts.Load{{Host: host, Max: 5}}
			if host == "" {
				if _, err := db.Exec(`UPDATE counters SET taken = 0 WHERE containerHost = 'a'`); err != nil {
					t.Fatal(err)
				}
				c.hosts = []hosts.Load{{Host: "a", Max: 5}, {Host: "b", Max: 5}}
			}
			s, err := st.Claim(t.Context(), c)
			if err != nil || host == "" && s.Host != "b" {
				t.Errorf("Claim = %+v, %v; want a slot of b, which has fewer rows", s, err)
			}
		}
		st.claims.wait(time.Minute)
		wantCounters(t, db)
	})
}

// TestWritersOfCountersDoNotDeadlock: claims, deletes, recounts and forgotten hosts at
// once, by two processes.
func TestWritersOfCountersDoNotDeadlock(t *testing.T) {
	cfg := databasetest.Migrated(t, "mysql")
	var recorders []*databasetest.Recorder
	var stores []*Store
	for range 2 {
		db := databasetest.Open(t, cfg)
		recorders = append(recorders, databasetest.Record(t, db))
		stores = append(stores, NewStore(db, time.Minute))
	}
	var loads []hosts.Load
	for i := range 6 {
		loads = append(loads, hosts.Load{Host: fmt.Sprint("h", i), Max: 6})
	}
	var wg sync.WaitGroup
	for i := range 24 {
		st := stores[i%2]
		wg.Go(func() {
			for range 25 {
				c := claimOf(i)
				c.strategy, c.hosts = hosts.Equal, loads
				s, err := st.Claim(t.Context(), c)
				if err == nil {
					_, err = st.Delete(t.Context(), s.ID)
				}
				if err != nil && !errors.Is(err, ErrStopped) {
					t.Error(err)
				}
			}
		})
	}
	for _, st := range stores {
		wg.Go(func() {
			for range 25 {
				_, err := st.Forget(t.Context(), loads[rand.IntN(len(loads))].Host)
				if err := errors.Join(err, st.Recount(t.Context()), st.repairCounters(t.Context(), []string{"h0", "h3", "h5"})); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i, st := range stores {
		st.claims.wait(time.Minute)
		failed := slices.DeleteFunc(recorders[i].Take(), func(s databasetest.Statement) bool {
			e, ok := errors.AsType[*mysql.MySQLError](s.Err)
			return !ok || e.Number != 1213
		})
		if len(failed) > 0 {
			t.Errorf("%d deadlocks, first: %s", len(failed), failed[0].Query)
		}
	}
	mustRecount(t, stores[0])
	wantCounters(t, stores[0].db)
}
