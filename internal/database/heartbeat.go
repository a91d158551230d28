package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/reminder"
)

const (
	// TakesWrites is for how long a write proves that a database takes them.
	TakesWrites = 20 * time.Second

	beatEvery   = TakesWrites / 2
	beatAgain   = time.Second // after one that failed
	beatTimeout = 5 * time.Second
)

var errNoBeat = errors.New("no write was made yet")

// A Heartbeat knows whether a database takes writes, which asking it for an answer
// does not tell: a server may be read-only, or its disk full. It makes one now and
// then, so that whoever asks, however often, waits for nothing.
type Heartbeat struct {
	write func(context.Context) error
	log   *slog.Logger

	mu   sync.Mutex
	last time.Time // when the last write that was made began
	err  error     // of the last attempt

	trouble reminder.Trouble
}

// NewHeartbeat returns a heartbeat, which [Heartbeat.Run] keeps going.
func NewHeartbeat(db *DB, log *slog.Logger) *Heartbeat {
	return &Heartbeat{write: db.Beat, log: log, err: errNoBeat}
}

// Run makes writes until ctx is done.
func (h *Heartbeat) Run(ctx context.Context) error {
	for pause := time.Duration(0); ; {
		if clock.Sleep(ctx, pause) != nil {
			return nil
		}
		pause = beatEvery
		if h.beat(ctx) != nil {
			pause = beatAgain
		}
	}
}

func (h *Heartbeat) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	began := time.Now()
	err := h.write(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err == nil && h.trouble.Over() && !h.last.IsZero():
		h.log.InfoContext(ctx, "database takes writes again", "took", began.Sub(h.last))
	case err != nil && h.trouble.Due(err):
		h.log.WarnContext(ctx, "database takes no writes; will retry", "err", err, "retry_in", beatAgain)
	}
	if h.err = err; err == nil {
		h.last = began
	}
	return err
}

// Err says why the database is not known to take writes. It is nil if it took one
// within [TakesWrites].
func (h *Heartbeat) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !h.last.IsZero() && time.Since(h.last) < TakesWrites:
		return nil
	case h.err == nil:
		return errNoBeat // the one under way takes its time
	}
	return fmt.Errorf("the database takes no writes: %w", h.err)
}

// Beat makes a write that means nothing to anybody: the time of a lease of which
// nobody is the holder. Whatever refuses sessions for all rows of the database (a
// server that is read-only, a full disk, a writer that is stuck on SQLite) refuses
// this too; and it waits for nobody's claim, whose lock is another row.
func (db *DB) Beat(ctx context.Context) error {
	err := InTx(ctx, db, func(tx *sqlx.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE leases SET expires = `+db.Now()+` WHERE name = 'heartbeat'`)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); n > 0 || err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO leases (name, holder, expires) VALUES ('heartbeat', '', `+db.Now()+`)`)
		if IsDuplicate(err) {
			return nil // another process was quicker
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("write heartbeat: %w", err)
	}
	return nil
}
