package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
)

// asking makes claims at once, which find the pool locked until release is called. The
// first is under way alone. What await returns are their results, in order.
func asking(t *testing.T, st *Store, locker *database.DB, ctx context.Context, claims []claim) (release func(), await func() []result) {
	t.Helper()
	tx, err := locker.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := database.LockPool(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	results := make([]result, len(claims))
	var wg sync.WaitGroup
	for i, c := range claims {
		wg.Go(func() { results[i].s, results[i].err = st.Claim(ctx, c) })
		want := i // but for the first, which the writer took
		for {
			st.claims.mu.Lock()
			waiting, busy := len(st.claims.waiting), st.claims.busy
			st.claims.mu.Unlock()
			if busy && waiting == want {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	release = func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
	await = func() []result {
		wg.Wait()
		return results
	}
	return release, await
}

type result struct {
	s   *Session
	err error
}

// eachWithLocker runs fn with a recorded database, and another connection to it.
func eachWithLocker(t *testing.T, fn func(t *testing.T, db, locker *database.DB, r *databasetest.Recorder)) {
	for _, dialect := range []string{"sqlite", "mysql"} {
		t.Run(dialect, func(t *testing.T) {
			cfg := databasetest.Migrated(t, dialect)
			db, locker := databasetest.Open(t, cfg), databasetest.Open(t, cfg)
			fn(t, db, locker, databasetest.Record(t, db))
		})
	}
}

func count(list []databasetest.Statement, begin string) (n int) {
	for _, s := range list {
		if strings.HasPrefix(strings.TrimSpace(s.Query), begin) {
			n++
		}
	}
	return n
}

func rowCount(t *testing.T, db *database.DB) (n int) {
	t.Helper()
	if err := db.Get(&n, `SELECT COUNT(*) FROM sessions`); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestClaimsThatWaitAreMadeTogether: by one INSERT, each with an answer of its own.
func TestClaimsThatWaitAreMadeTogether(t *testing.T) {
	eachWithLocker(t, func(t *testing.T, db, locker *database.DB, r *databasetest.Recorder) {
		st := NewStore(db, time.Minute)
		claims := []claim{claimOf(0), claimOf(1), claimOf(1), claimOf(2), claimOf(0), claimOf(3), claimOf(4)}
		release, await := asking(t, st, locker, t.Context(), claims)
		r.Take()
		release()
		got := await()
		if n := count(r.Take(), "INSERT INTO sessions"); n != 2 {
			t.Errorf("%d INSERTs, want one for the first claim, and one for the others", n)
		}
		for i, want := range []error{nil, nil, errTaken, nil, errTaken, nil, &FullError{}} {
			_, full := errors.AsType[*FullError](got[i].err)
			if _, wantFull := want.(*FullError); full != wantFull || !full && !errors.Is(got[i].err, want) {
				t.Errorf("claim %d = %v, want %v", i, got[i].err, want)
			}
			if want == nil && (got[i].s.ClientIP != claims[i].client.IP || got[i].s.Nonce != claims[i].nonce) {
				t.Errorf("claim %d got the session of another: %+v", i, got[i].s)
			}
		}
		if n := rowCount(t, db); n != 4 {
			t.Errorf("%d rows, want 4", n)
		}
	})
}

// TestGivenUpClaimIsNotMade: nor does it take anything from those beside it.
func TestGivenUpClaimIsNotMade(t *testing.T) {
	eachWithLocker(t, func(t *testing.T, db, locker *database.DB, r *databasetest.Recorder) {
		st := NewStore(db, time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		release, await := asking(t, st, locker, ctx, []claim{claimOf(0), claimOf(1)})
		cancel()
		results := await()
		release()
		st.claims.wait(time.Minute)
		for _, res := range results {
			if !errors.Is(res.err, context.Canceled) {
				t.Errorf("Claim = %+v, %v; want that it was cancelled", res.s, res.err)
			}
		}
		if n := count(r.Take(), "INSERT INTO sessions"); n != 0 || rowCount(t, db) != 0 {
			t.Errorf("%d rows were inserted for claims that had been given up", n)
		}
		// One is given up when it was made, and not answered yet.
		ctx, cancel = context.WithCancel(t.Context())
		gone := make(chan error)
		r.Committed(func() error { cancel(); <-gone; return nil })
		go func() {
			_, err := st.Claim(ctx, claimOf(0))
			gone <- err
			close(gone)
		}()
		<-ctx.Done()
		st.claims.wait(time.Minute)
		if n := rowCount(t, db); n != 0 {
			t.Errorf("%d rows are left of a claim that nobody waited for", n)
		}
		wantCounters(t, db)
	})
}

// TestUncertainCommitIsLookedUp: the answer of a commit that was made, and one that was
// not, does not come.
func TestUncertainCommitIsLookedUp(t *testing.T) {
	eachWithLocker(t, func(t *testing.T, db, locker *database.DB, r *databasetest.Recorder) {
		st := NewStore(db, time.Minute)
		release, await := asking(t, st, locker, t.Context(), []claim{claimOf(0), claimOf(1), claimOf(2)})
		r.Committed(func() error { return mysql.ErrInvalidConn })
		release()
		for i, res := range await() {
			if res.err != nil || res.s.ClientIP != clientOf(i).IP {
				t.Errorf("claim %d = %+v, %v; want the session that was made", i, res.s, res.err)
			}
		}
		r.Committed(func() error {
			if _, err := locker.Exec(`DELETE FROM sessions WHERE clientIp = ?`, clientOf(3).IP); err != nil {
				t.Error(err)
			}
			return mysql.ErrInvalidConn
		})
		if s, err := st.Claim(t.Context(), claimOf(3)); !errors.Is(err, mysql.ErrInvalidConn) {
			t.Errorf("Claim = %+v, %v; want what happened", s, err)
		}
	})
}

// TestMistakeOfOneClaimIsItsOwn: the others beside it are made.
func TestMistakeOfOneClaimIsItsOwn(t *testing.T) {
	eachWithLocker(t, func(t *testing.T, db, locker *database.DB, r *databasetest.Recorder) {
		st := NewStore(db, time.Minute)
		claims := []claim{claimOf(0), claimOf(1), claimOf(2), claimOf(3)}
		boom := errors.New("boom")
		r.Before(func(query string, args []any) error {
			if strings.Contains(query, "INSERT INTO sessions") && slices.Contains(args, any(claims[2].token)) {
				return boom
			}
			return nil
		})
		release, await := asking(t, st, locker, t.Context(), claims)
		release()
		for i, res := range await() {
			if errors.Is(res.err, boom) != (i == 2) || (res.s == nil) != (i == 2) {
				t.Errorf("claim %d = %+v, %v", i, res.s, res.err)
			}
		}
		st.claims.wait(time.Minute)
		wantCounters(t, db)
	})
}

// TestDuplicateThatWasNotSeenRefusesOnlyItself: a client takes a waiting container
// between the look, which is left out, and the INSERT.
func TestDuplicateThatWasNotSeenRefusesOnlyItself(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		st := NewStore(db, time.Minute)
		if _, err := st.Claim(t.Context(), claimOf(1)); err != nil {
			t.Fatal(err)
		}
		list := []*pendingClaim{pending(claimOf(0)), pending(claimOf(1)), pending(claimOf(2))}
		b := &batch{Store: st, claims: list}
		err := database.InTx(t.Context(), db, func(tx *sqlx.Tx) error {
			return errors.Join(b.begin(t.Context(), tx), b.place(t.Context()), b.insert(t.Context()), b.count(t.Context()))
		})
		if err != nil || list[0].refused != nil || !errors.Is(list[1].refused, errTaken) || list[2].refused != nil {
			t.Errorf("%v: refused %v, %v, %v; want the second only", err, list[0].refused, list[1].refused, list[2].refused)
		}
		wantCounters(t, db)
	})
}

func pending(c claim) *pendingClaim { return &pendingClaim{claim: c, answered: make(chan struct{})} }

// wantCounters checks that the counters agree with the rows.
func wantCounters(t *testing.T, db *database.DB) {
	t.Helper()
	rows, err := hostCounts(t.Context(), db, countRows+`GROUP BY containerHost`)
	if err != nil {
		t.Fatal(err)
	}
	counters, err := hostCounts(t.Context(), db, `SELECT containerHost, taken AS n FROM counters WHERE taken <> 0`)
	if err != nil || fmt.Sprint(rows) != fmt.Sprint(counters) {
		t.Errorf("counters say %v, %v; there are %v", counters, err, rows)
	}
}

// TestBatchesSpreadAsSingleClaims: equal stays within one, fillhost fills one host after
// the other, however many claims are made together, by two processes.
func TestBatchesSpreadAsSingleClaims(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		for _, tt := range []struct {
			name     string
			strategy hosts.Strategy
			want     string
		}{
			{"equal", hosts.Equal, "map[a:15 b:15 c:15]"},
			{"fillhost", hosts.FillHost, "map[a:20 b:20 c:5]"},
		} {
			if _, err := db.Exec(`DELETE FROM sessions`); err != nil {
				t.Fatal(err)
			}
			stores := []*Store{NewStore(db, time.Minute), NewStore(db, time.Minute)}
			var wg sync.WaitGroup
			for i := range 45 {
				wg.Go(func() {
					c := claimOf(i)
					c.strategy, c.hosts = tt.strategy, []hosts.Load{{Host: "a", Max: 20}, {Host: "b", Max: 20}, {Host: "c", Max: 20}}
					if _, err := stores[i%2].Claim(t.Context(), c); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			got, err := hostCounts(t.Context(), db, countRows+`GROUP BY containerHost`)
			if err != nil || fmt.Sprint(got) != tt.want {
				t.Errorf("%s: %v, %v; want %s", tt.name, got, err, tt.want)
			}
			for _, st := range stores {
				st.claims.wait(time.Minute)
			}
			wantCounters(t, db)
		}
	})
}
