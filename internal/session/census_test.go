package session_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

func wantSessions(t *testing.T, k *servicetest.Kit, when string, want int) {
	t.Helper()
	if got, err := k.Sessions.Counts(t.Context()); err != nil || got.Sessions != want {
		t.Errorf("%s: %d sessions, %v; want %d", when, got.Sessions, err, want)
	}
}

// TestClientsSeeThePoolAsItWas: at some time of the last second, but for what their own
// process has changed. Operators see it as it is.
func TestClientsSeeThePoolAsItWas(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Max: 3})
		k.Sessions.SetCensusAge(time.Hour)
		wantSessions(t, k, "in the beginning", 0)
		insertRunning(t, db, 1)
		wantSessions(t, k, "soon after another process has started one", 0)
		mustAllocate(t, k, amiga, true)
		wantSessions(t, k, "after this one has", 2)
		must(t, k.Sessions.Stop(t.Context(), amiga))
		wantSessions(t, k, "after this one was stopped", 1)

		other := session.NewStore(db, time.Hour)
		must(t, other.Drain(t.Context(), "host0", "new kernel"))
		if got, err := k.Sessions.Overview(t.Context()); err != nil || got.Hosts[0].Drained != nil {
			t.Errorf("Overview = %+v, %v; want what was there before", got, err)
		}
		if got, err := k.Sessions.HostStates(t.Context()); err != nil || got[0].Drained == nil || got[0].Used != 1 {
			t.Errorf("HostStates = %+v, %v; want that it is drained", got, err)
		}
		if got, err := k.Sessions.Counts(t.Context()); err != nil || got.Remaining != 0 {
			t.Errorf("Counts = %+v, %v; want what operators were told just now", got, err)
		}
		_, err := other.Forget(t.Context(), "host0")
		must(t, err)
		k.Sessions.SetCensusAge(0)
		wantSessions(t, k, "later", 0)
	})
}

// TestOneCensusForAllWhoAsk: also while it is being taken. One who gives up does not
// end it for the others.
func TestOneCensusForAllWhoAsk(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{})
		k.Sessions.SetCensusAge(time.Hour)
		insertRunning(t, db, 3)
		db.SetMaxOpenConns(1)
		held, err := db.Conn(t.Context())
		must(t, err)
		ctx, giveUp := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() { _, err := k.Sessions.Counts(ctx); first <- err }()
		before := db.Stats().WaitCount
		eventually(t, "a statement waits for the connection", func() bool { return db.Stats().WaitCount > 0 })
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() { wantSessions(t, k, "all at once", 3) })
		}
		if k.Sessions.NextCensus() != k.Sessions.NextCensus() {
			t.Error("two wait for a census each, though none has begun")
		}
		giveUp()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("Counts of who gave up = %v, want that", err)
		}
		must(t, held.Close())
		wg.Wait()
		if n := db.Stats().WaitCount - before; n > 2 {
			t.Errorf("%d statements have waited for the connection, want those of one census", n)
		}
	})
}

// TestFailedCensusIsNotKept: who asks next may have an answer.
func TestFailedCensusIsNotKept(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{})
		k.Sessions.SetCensusAge(time.Hour)
		exec(t, k, `ALTER TABLE sessions RENAME TO away`)
		if got, err := k.Sessions.Counts(t.Context()); err == nil {
			t.Errorf("Counts without a table = %+v, want an error", got)
		}
		exec(t, k, `ALTER TABLE away RENAME TO sessions`)
		wantSessions(t, k, "with the table", 0)
	})
}
