package database

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"wrpdistributor/internal/reminder"
)

const (
	// TakesWrites is for how long a write proves that a database takes them.
	TakesWrites = 20 * time.Second

	beatEvery   = TakesWrites / 2
	beatAgain   = time.Second // after one that failed
	beatTimeout = 5 * time.Second
	endTimeout  = 2 * time.Second
)

var errNoBeat = errors.New("no write was made yet")

// A Heartbeat tells other processes that this one lives, and knows whether a database
// takes writes, which asking it for an answer does not tell: a server may be
// read-only, or its disk full. It makes one now and then, so that whoever asks,
// however often, waits for nothing.
type Heartbeat struct {
	write func(context.Context) error
	end   func(context.Context) error
	where Config
	log   *slog.Logger

	mu    sync.Mutex
	last  time.Time     // when the last write that was made began
	since time.Time     // when the first write began that was not; zero: the last one was made
	err   error         // of the last attempt
	ended chan struct{} // closed when the write that is under way, or the next one, ends

	soon    chan struct{} // a write is wanted now
	trouble reminder.Trouble
}

// NewHeartbeat returns the heartbeat of p, which [Heartbeat.Run] keeps going.
func NewHeartbeat(db *DB, p Process, log *slog.Logger) *Heartbeat {
	return &Heartbeat{
		where: db.cfg,
		write: func(ctx context.Context) error { return db.Beat(ctx, p) },
		end:   func(ctx context.Context) error { return db.EndProcess(ctx, p.ID) },
		log:   log,
		err:   errNoBeat,
		ended: make(chan struct{}),
		soon:  make(chan struct{}, 1),
	}
}

// Run makes writes until ctx is done, and then notes that the process ended as it
// should. It returns [ErrNoSchema] as soon as there is nothing left to work with.
func (h *Heartbeat) Run(ctx context.Context) error {
	for pause := time.Duration(0); ; {
		if h.rest(ctx, pause) != nil {
			h.finish(ctx)
			return nil
		}
		pause = beatEvery
		switch err := h.beat(ctx); {
		case errors.Is(err, ErrNoSchema):
			return err
		case err != nil:
			pause = beatAgain
		}
	}
}

func (h *Heartbeat) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if err := h.end(ctx); err != nil {
		h.log.WarnContext(ctx, "process not noted as stopped; others take it for alive a while", "err", err)
	}
}

func (h *Heartbeat) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	began := time.Now()
	err := h.where.Reason(h.write(ctx))
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err == nil && h.trouble.Over() && !h.last.IsZero():
		h.log.InfoContext(ctx, "database takes writes again", "took", began.Sub(h.last))
	case err != nil && h.trouble.Due(err):
		h.log.WarnContext(ctx, "database takes no writes; will retry", "database", h.where.String(), "err", err,
			"mend", h.where.Mend(err).String(), "retry_in", beatAgain)
	}
	h.answer()
	switch h.err = err; {
	case err == nil:
		h.last, h.since = began, time.Time{}
	case h.since.IsZero():
		h.since = began
	}
	return err
}

// Failing says since when the database takes no writes, and why; nil: it took the last one,
// or none was tried. It knows earlier than [Heartbeat.Err].
func (h *Heartbeat) Failing() (since time.Time, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() {
		return time.Time{}, nil
	}
	return h.since, h.err
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
	return h.err
}
