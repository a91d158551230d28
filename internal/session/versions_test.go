package session

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

// An earlierStore sends the statements of the version before counters, as they were. What
// stands here does not change.
type earlierStore struct{ db *database.DB }

// claim inserts a row in the lowest free slot of the first host that has one, and returns
// its id, or 0 if all are full.
func (st earlierStore) claim(ctx context.Context, c claim) (id int64, err error) {
	err = database.InTx(ctx, st.db, func(tx *sqlx.Tx) error {
		if err := database.LockPool(ctx, tx); err != nil {
			return err
		}
		var rows []struct {
			place
			State     State  `db:"state"`
			Identity  []byte `db:"identity"`
			TLS       bool   `db:"tls"`
			Gateway   bool   `db:"gateway"`
			Evictable bool   `db:"evictable"`
		}
		err := tx.SelectContext(ctx, &rows, `
			SELECT containerHost, slot, port, state, identity, tls, gateway, clientIp = '' AS evictable
			FROM sessions`)
		if err != nil {
			return err
		}
		taken := make(map[string]*occupancy)
		for _, h := range c.hosts {
			taken[h.Host] = newOccupancy()
		}
		for _, r := range rows {
			taken[r.Host].take(r.Slot, r.Port)
		}
		id = 0
		for _, h := range c.hosts {
			slot, port, ok := taken[h.Host].free(h.Max, c.ports, c.isForeign(h.Host))
			if !ok {
				continue
			}
			res, err := tx.ExecContext(ctx, `
				INSERT INTO sessions (id, clientIp, clientUserAgent, identity, containerHost, slot, port, token, nonce, settings, tls, gateway, state, started, lastUsed)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, `+st.db.Now()+`, NULL)`,
				nil, c.client.IP, c.client.agent(), c.client.identity(), h.Host, slot, port, c.token, c.nonce, c.settings, c.tls, c.gateway, Claimed)
			if err != nil {
				return err
			}
			id, err = res.LastInsertId()
			return err
		}
		return nil
	})
	return id, err
}

func (st earlierStore) change(ctx context.Context, query string, args ...any) error {
	return database.InTx(ctx, st.db, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

// end takes a session through the rest of its life.
func (st earlierStore) end(ctx context.Context, id int64) error {
	return errors.Join(
		st.change(ctx, `
			UPDATE sessions SET state = CASE state WHEN 'warming' THEN state ELSE 'starting' END, wrpContainerId = ?
			WHERE id = ? AND state IN ('claimed', 'starting', 'warming')`, nil, id),
		st.change(ctx, `
			UPDATE sessions SET state = 'running', started = `+st.db.Now()+`, lastUsed = NULL
			WHERE id = ? AND state = 'starting'`, id),
		st.change(ctx, `UPDATE sessions SET state = 'stopping', identity = NULL WHERE id = ? AND state = ?`, id, Running),
		st.change(ctx, `DELETE FROM sessions WHERE id = ? AND state NOT IN ('running', 'warm')`, id))
}

// TestEarlierVersionsBesideThisOne lets a store of this version and one of an earlier
// version, which keeps no counters, share a pool: what is free is given once, and is
// found, and the counters are right in the end.
func TestEarlierVersionsBesideThisOne(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		now, earlier := NewStore(db, time.Minute), earlierStore{db}
		const slots = 2 * modelSlots
		var wg sync.WaitGroup
		for i := range 4 * slots {
			wg.Go(func() {
				for range 10 {
					if i%2 == 0 {
						id, err := earlier.claim(t.Context(), claimOf(i))
						if err == nil && id > 0 {
							err = earlier.end(t.Context(), id)
						}
						if err != nil {
							t.Error(err)
						}
						continue
					}
					s, err := now.Claim(t.Context(), claimOf(i))
					if _, full := errors.AsType[*FullError](err); full {
						continue
					}
					if err == nil {
						_, err = now.Delete(t.Context(), s.ID)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		now.claims.wait(time.Minute)
		// Counters are too low, and too high, in turn.
		var old []int64
		for i := range slots {
			id, err := earlier.claim(t.Context(), claimOf(i))
			if err != nil || id == 0 {
				t.Fatalf("claim = %d, %v", id, err)
			}
			old = append(old, id)
		}
		wantFull(t, now)
		mustRecount(t, now)
		for _, id := range old {
			if err := earlier.end(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		now.recounted = time.Now().Add(-recountEvery)
		for i := range slots {
			if _, err := now.Claim(t.Context(), claimOf(i)); err != nil {
				t.Errorf("claim %d of %d after all were deleted: %v", i, slots, err)
			}
		}
		wantFull(t, now)
		now.claims.wait(time.Minute)
		mustRecount(t, now)
		wantCounters(t, db)
	})
}

func wantFull(t *testing.T, st *Store) {
	t.Helper()
	s, err := st.Claim(t.Context(), claimOf(99))
	if _, full := errors.AsType[*FullError](err); !full {
		t.Errorf("Claim = %+v, %v; there is no room", s, err)
	}
}

func mustRecount(t *testing.T, st *Store) {
	t.Helper()
	if err := st.Recount(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestEndingOfAnEarlierVersion is told as any, and goes with no account: it has none.
func TestEndingOfAnEarlierVersion(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		c := AccountUser("anna", "amiga", 2)
		st := NewStore(db, time.Minute)
		err := earlierStore{db}.change(t.Context(), `
			INSERT INTO endings (identity, why, ended, began, lastUsed)
			VALUES (?, ?, `+db.Now()+`, `+db.Now()+`, `+db.Now()+`)`, c.identity(), byClient)
		if err != nil {
			t.Fatal(err)
		}
		for _, account := range []string{"bert", ""} {
			if err := st.ForgetEndings(t.Context(), account); err != nil {
				t.Error(err)
			}
		}
		if e, err := st.lastEnding(t.Context(), c.identity()); err != nil || e.Why != "you ended it" {
			t.Errorf("the last ending is %+v, %v", e, err)
		}
	})
}
