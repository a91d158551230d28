package session

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// DefaultPause is what clients are told while an operator who gave no reason has paused
// new sessions.
const DefaultPause = "New sessions are paused for the moment, try again later."

// A Pause keeps all clients from new sessions, whatever room there is. Those that run go
// on, and so does what waits for a client; it is not handed over.
type Pause struct {
	Since  time.Time
	Reason string // a sentence, for clients too; never empty
}

// A PausedError says that new sessions are paused, and since when.
type PausedError struct{ Pause }

// Error is for the log. Clients are told the reason alone.
func (e *PausedError) Error() string {
	return fmt.Sprintf("paused since %s: %s", e.Since.UTC().Format("2006-01-02 15:04:05 UTC"), e.Reason)
}

// notPaused is the condition that new sessions are not paused. It is part of the
// statements that hand over what waits, so that a pause holds from its commit on.
const notPaused = `NOT EXISTS (SELECT 1 FROM pool WHERE pausedAt IS NOT NULL)`

// Pause refuses new sessions, in all processes, with a sentence. Pausing twice keeps the
// first time, and the last reason, or the beginning of it.
func (st *Store) Pause(ctx context.Context, reason string) error {
	if reason = readable(strings.TrimSpace(reason), maxReason); reason == "" {
		reason = DefaultPause
	}
	// The pool's row is the one that claims lock: those that are under way are made
	// before, all later ones see it.
	_, err := st.change(ctx, `UPDATE pool SET pausedAt = COALESCE(pausedAt, `+st.db.Now()+`), pauseReason = ? WHERE id = 1`, reason)
	if err != nil {
		return fmt.Errorf("pause: %w", err)
	}
	return nil
}

// Resume lets clients have new sessions again, and reports whether these were paused.
func (st *Store) Resume(ctx context.Context) (bool, error) {
	defer st.arrivals.Add(1) // what waits is there again
	was, err := st.change(ctx, `UPDATE pool SET pausedAt = NULL, pauseReason = '' WHERE id = 1 AND pausedAt IS NOT NULL`)
	if err != nil {
		return false, fmt.Errorf("resume: %w", err)
	}
	return was, nil
}

// A closure is what operators have closed to new sessions.
type closure struct {
	drained map[string]Drained
	pause   *Pause // nil: new sessions are not paused
}

// poolItself is where a host's name would be: no host has an empty one.
const poolItself = ""

// readClosure reads it in one statement, since each claim does.
func readClosure(ctx context.Context, q sqlx.QueryerContext) (c closure, err error) {
	var list []Drained
	err = sqlx.SelectContext(ctx, q, &list, `
		SELECT containerHost, drainedAt, reason FROM hosts
		UNION ALL
		SELECT '`+poolItself+`', pausedAt, pauseReason FROM pool WHERE pausedAt IS NOT NULL`)
	if err != nil {
		return closure{}, fmt.Errorf("look up drained hosts, and whether sessions are paused: %w", err)
	}
	c.drained = make(map[string]Drained)
	for _, d := range list {
		if d.Host == poolItself {
			c.pause = &Pause{Since: d.Since, Reason: d.Reason}
			continue
		}
		c.drained[d.Host] = d
	}
	return c, nil
}

// closure returns what is closed.
func (st *Store) closure(ctx context.Context) (c closure, err error) {
	err = ask(ctx, func(ctx context.Context) error {
		c, err = readClosure(ctx, st.db)
		return err
	})
	return c, err
}

// refusePaused refuses all clients while new sessions are paused. What is to wait for
// clients may go on being warmed up.
func (b *batch) refusePaused() {
	if b.pause == nil {
		return
	}
	for _, p := range b.claims {
		if p.client != nil && p.refused == nil {
			p.refused = &PausedError{*b.pause}
		}
	}
}
