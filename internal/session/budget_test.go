package session_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/bubbletest"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestRequestsDoNotWaitForAStuckDatabase has a SQLite writer stuck in another process, and
// a MariaDB that is paused. The limit is far below those of single statements, so
// that the error tells which of them ended the request.
func TestRequestsDoNotWaitForAStuckDatabase(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		cfg := databasetest.Migrated(t, "sqlite")
		db, other := databasetest.Open(t, cfg), databasetest.Open(t, cfg)
		checkStuck(t, db, func() func() {
			tx := other.MustBegin() // takes the lock
			return func() { must(t, tx.Rollback()) }
		})
	})
	t.Run("mysql", func(t *testing.T) {
		server := databasetest.Server(t)
		checkStuck(t, databasetest.Open(t, server.Config(t)), func() func() {
			server.Pause()
			return server.Unpause
		})
	})
}

func checkStuck(t *testing.T, db *database.DB, stick func() (release func())) {
	k := newKit(t, db, servicetest.Options{})
	_, _, err := k.Sessions.Allocate(t.Context(), amiga, false)
	must(t, err)
	release := stick()
	k.Sessions.SetDatabaseLimit(100 * time.Millisecond)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := k.Sessions.Touch(t.Context(), amiga); !errors.Is(err, session.ErrBudget) {
				t.Errorf("HEAD = %v, want %v", err, session.ErrBudget)
			}
		})
	}
	wg.Wait()
	if _, _, err := k.Sessions.Allocate(t.Context(), amiga, false); !errors.Is(err, session.ErrBudget) {
		t.Errorf("PUT = %v, want %v", err, session.ErrBudget)
	}
	if _, _, err := k.Sessions.Allocate(t.Context(), atari, false); !errors.Is(err, session.ErrBudget) {
		t.Errorf("PUT of another client = %v, want %v", err, session.ErrBudget)
	}
	if err := k.Sessions.Stop(t.Context(), amiga); !errors.Is(err, session.ErrBudget) {
		t.Errorf("DELETE = %v, want %v", err, session.ErrBudget)
	}
	release()
	k.Sessions.SetDatabaseLimit(time.Minute)
	must(t, k.Sessions.Touch(t.Context(), amiga))
	must(t, k.Sessions.Stop(t.Context(), amiga))
}

// TestBudgetIsForAllStatementsTogether lets a request ask again and again: quick answers
// cost it nothing, slow ones add up.
func TestBudgetIsForAllStatementsTogether(t *testing.T) {
	for _, tt := range []struct {
		answer time.Duration
		asked  int
		want   time.Duration // all in all; 0: it may go on
	}{
		{10 * time.Millisecond, 10_000, 0},
		{3 * time.Second, 10_000, 11 * time.Second},
		{time.Hour, 1, 10 * time.Second},
	} {
		bubbletest.Run(t, func(t *testing.T) {
			ctx := session.WithBudget(t.Context(), 10*time.Second)
			began := time.Now()
			var err error
			for range tt.asked {
				err = session.Ask(ctx, func(ctx context.Context) error {
					select {
					case <-time.After(tt.answer):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				if err != nil {
					break
				}
			}
			if took := time.Since(began); errors.Is(err, session.ErrBudget) != (tt.want > 0) || tt.want > 0 && took > tt.want {
				t.Errorf("answers after %v: %v after %v, want an end after %v", tt.answer, err, took, tt.want)
			}
		})
	}
}
