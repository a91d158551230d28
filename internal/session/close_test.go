package session

import (
	"context"
	"errors"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

// TestWriterIsCutOff: who closes waits for what was begun, but not for as long as a
// database takes that another process has locked.
func TestWriterIsCutOff(t *testing.T) {
	eachWithLocker(t, func(t *testing.T, db, locker *database.DB, _ *databasetest.Recorder) {
		st := NewStore(db, time.Minute)
		tx := locker.MustBegin()
		defer tx.Rollback()
		if err := database.LockPool(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1) // with what the writer was cut off by, if anything
		write := st.claims.write
		st.claims.write = func(claims []*pendingClaim) {
			write(claims)
			ended <- st.claims.alive.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error)
		go func() {
			_, err := st.Claim(ctx, claimOf(0))
			result <- err
		}()
		for st.claims.isIdle() {
			time.Sleep(time.Millisecond)
		}
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("Claim = %v, want that it was cancelled", err)
		}
		st.claims.wait(time.Millisecond)
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the writer ended by itself (%v), want it cut off", err)
		}
	})
}

func (q *claimQueue) isIdle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.busy
}
