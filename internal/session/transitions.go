package session

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
)

// change runs an UPDATE or DELETE that names the state it expects, and reports
// whether a row was in it.
func (st *Store) change(ctx context.Context, query string, args ...any) (bool, error) {
	return st.changeIn(ctx, transaction{}, query, args...)
}

// A transaction is what else belongs to one change.
type transaction struct {
	before func(context.Context, *sqlx.Tx) error // its error prevents the change; nil: nothing
	after  func(context.Context, *sqlx.Tx) error // if a row was changed; nil: nothing
}

// changeIn is [Store.change] with what else belongs to it.
func (st *Store) changeIn(ctx context.Context, with transaction, query string, args ...any) (bool, error) {
	var n int64
	err := ask(ctx, func(ctx context.Context) error {
		return database.InTx(ctx, st.db, func(tx *sqlx.Tx) (err error) {
			if with.before != nil {
				if err := with.before(ctx, tx); err != nil {
					return err
				}
			}
			if n, err = affected(tx.ExecContext(ctx, query, args...)); err != nil || n == 0 || with.after == nil {
				return err
			}
			return with.after(ctx, tx)
		})
	})
	st.changes.Add(1)
	if err != nil {
		return false, fmt.Errorf("%w: change session: %w", errStatement, err)
	}
	return n > 0, nil
}

func affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// errIDTaken means that a host gave a container the id of another session's.
var errIDTaken = errors.New("the host gave the new container another one's id")

// MarkStarting records that the starter goes on, and the container's id once it is
// known. It reports whether the session was not stopped meanwhile. The error is errIDTaken
// if another session has that id.
func (st *Store) MarkStarting(ctx context.Context, id int64, containerID string) (bool, error) {
	made, err := st.change(ctx, `
		UPDATE sessions SET state = CASE state WHEN 'warming' THEN state ELSE 'starting' END, wrpContainerId = ?
		WHERE id = ? AND state IN ('claimed', 'starting', 'warming')`, sql.NullString{String: containerID, Valid: containerID != ""}, id)
	if database.IsDuplicate(err) {
		return false, fmt.Errorf("%w: %s", errIDTaken, containerID)
	}
	return made, err
}

// Extend has the start of a session be one that began so long ago, and no longer. It
// reports whether it is under way.
func (st *Store) Extend(ctx context.Context, id int64, ago time.Duration) (bool, error) {
	return st.change(ctx, `
		UPDATE sessions SET started = `+st.db.SecondsAgo()+`
		WHERE id = ? AND state IN ('claimed', 'starting', 'warming')`, seconds(ago), id)
}

// Confirm makes a starting session run, not used yet. It reports whether the
// session was not stopped meanwhile.
func (st *Store) Confirm(ctx context.Context, id int64) (bool, error) {
	return st.change(ctx, `
		UPDATE sessions SET state = 'running', started = `+st.db.Now()+`, lastUsed = NULL
		WHERE id = ? AND state = 'starting'`, id)
}

// ConfirmWarm makes a warming session, whose container was made with those settings,
// wait for a client. It reports whether the session was neither taken nor stopped
// meanwhile.
func (st *Store) ConfirmWarm(ctx context.Context, id int64, settings string) (bool, error) {
	defer st.arrivals.Add(1)
	return st.change(ctx, `
		UPDATE sessions SET state = 'warm', settings = ?, started = `+st.db.Now()+`
		WHERE id = ? AND state = 'warming'`, settings, id)
}

// Distrust makes what waits since before that long ago, with ids below one, look as if it
// were not known what it was made with: it is not handed over, but replaced.
func (st *Store) Distrust(ctx context.Context, below int64, ago time.Duration) error {
	defer st.arrivals.Add(1)
	_, err := st.change(ctx, `UPDATE sessions SET settings = '' WHERE state = 'warm' AND id < ? AND started <= `+st.db.SecondsAgo(), below, seconds(ago))
	return err
}

// Take gives a session that waits, or is being warmed up, to a client. [Store.Confirm]
// makes it one that was not used yet. It reports whether the session was still as
// expected, its host not drained, and new sessions not paused. The error is errTaken if
// the client has a session, a [TooManyError] if its account has as many as it may.
func (st *Store) Take(ctx context.Context, expected *Session, c Client, tls bool) (bool, error) {
	won, err := st.changeIn(ctx, takingBy(c), `
		UPDATE sessions SET identity = ?, clientIp = ?, clientUserAgent = ?, account = ?, tls = ?, state = 'starting', started = `+st.db.Now()+`, lastUsed = `+st.db.Now()+`
		WHERE id = ? AND state = ? AND settings = ? AND containerHost NOT IN (SELECT containerHost FROM hosts) AND `+notPaused,
		c.identity(), c.IP, c.agent(), c.account, tls, expected.ID, expected.State, expected.Settings)
	tooMany, isTooMany := errors.AsType[*TooManyError](err)
	switch {
	case database.IsDuplicate(err) || errors.Is(err, errTaken):
		return false, errTaken
	case isTooMany:
		st.arrivals.Add(1) // it was tried, and waits for others
		return false, tooMany
	}
	return won, err
}

// Freeze marks a session as frozen, and reports whether it still was freezable.
func (st *Store) Freeze(ctx context.Context, id int64, unused time.Duration) (bool, error) {
	return st.change(ctx, `UPDATE sessions SET frozen = TRUE WHERE id = ? AND `+freezable+st.db.SecondsAgo(), id, seconds(unused))
}

// Unfreeze marks a session as not frozen, and reports whether it was frozen.
func (st *Store) Unfreeze(ctx context.Context, id int64) (bool, error) {
	return st.change(ctx, `UPDATE sessions SET frozen = FALSE WHERE id = ? AND frozen`, id)
}

// Stop takes the session from its client and marks it as stopping. It reports
// whether the session was in the expected state. The slot stays taken.
func (st *Store) Stop(ctx context.Context, id int64, expected State) (bool, error) {
	return st.change(ctx, stop+`id = ? AND state = ?`, id, expected)
}

const stop = `UPDATE sessions SET state = 'stopping', identity = NULL WHERE `

// StopIdle is [Store.Stop] for a session that is still idle.
func (st *Store) StopIdle(ctx context.Context, s *Session, unused time.Duration) (bool, error) {
	return st.end(ctx, s, notUsed, `id = ? AND `+idle(st.db), s.ID, seconds(unused+GatewayDelay), seconds(unused))
}

// StopUnused is [Store.Stop] for a running session that its client has not come
// back to since it was started.
func (st *Store) StopUnused(ctx context.Context, id int64) (bool, error) {
	return st.change(ctx, stop+`id = ? AND state = 'running' AND lastUsed IS NULL`, id)
}

// StopOverdue is [Store.Stop] for a session whose start was given up.
func (st *Store) StopOverdue(ctx context.Context, id int64) (bool, error) {
	return st.change(ctx, stop+`id = ? AND state IN ('claimed', 'starting', 'warming') AND started <= `+st.db.SecondsAgo(), id, seconds(st.startTimeout))
}

// Delete gives back the slot of a session that does not run, and reports whether
// the session was still there.
func (st *Store) Delete(ctx context.Context, id int64) (deleted bool, err error) {
	err = st.deleting(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		deleted, err = deleteSession(ctx, tx, id, `state NOT IN ('running', 'warm')`)
		return err
	})
	return deleted, err
}

// Abandon is [Store.Delete] for a start. It reports whether that was stopped meanwhile.
func (st *Store) Abandon(ctx context.Context, id int64) (stopped bool, err error) {
	err = st.deleting(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		underWay, err := deleteSession(ctx, tx, id, `state IN ('claimed', 'starting', 'warming')`)
		if err != nil || underWay {
			return err
		}
		stopped = true
		_, err = deleteSession(ctx, tx, id, `state = 'stopping'`)
		return err
	})
	return stopped, err
}

func (st *Store) deleting(ctx context.Context, do func(context.Context, *sqlx.Tx) error) error {
	err := ask(ctx, func(ctx context.Context) error {
		return database.InTx(ctx, st.db, func(tx *sqlx.Tx) error { return do(ctx, tx) })
	})
	st.changes.Add(1)
	if err != nil {
		return fmt.Errorf("%w: delete session: %w", errStatement, err)
	}
	return nil
}

// deleteSession deletes a session if its state is as it should be, and reports whether
// it was.
func deleteSession(ctx context.Context, tx *sqlx.Tx, id int64, state string) (bool, error) {
	var host string
	err := tx.GetContext(ctx, &host, `SELECT containerHost FROM sessions WHERE id = ?`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	res, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE id = ? AND `+state, id)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 {
		return false, err
	}
	// After the row: see the order of locks in counters.go.
	_, err = tx.ExecContext(ctx, `UPDATE counters SET taken = taken - 1 WHERE containerHost = ?`, host)
	return true, err
}

// Forget deletes all rows of a host, and returns how many.
func (st *Store) Forget(ctx context.Context, host string) (n int64, err error) {
	err = database.InTx(ctx, st.db, func(tx *sqlx.Tx) error {
		n, err = st.forget(ctx, tx, host)
		return err
	})
	st.changes.Add(1)
	if err != nil {
		return 0, fmt.Errorf("forget host %s: %w", host, err)
	}
	return n, nil
}

// forget deletes rows by their ids: by the host, MariaDB locks an index before the row,
// and whoever stops a session does the opposite.
func (st *Store) forget(ctx context.Context, tx *sqlx.Tx, host string) (n int64, err error) {
	if err := database.LockPool(ctx, tx); err != nil {
		return 0, err
	}
	var rows []Session
	if err := tx.SelectContext(ctx, &rows, `SELECT id, account, identity FROM sessions WHERE containerHost = ?`, host); err != nil {
		return 0, err
	}
	slices.SortFunc(rows, func(a, b Session) int { return cmp.Compare(a.ID, b.ID) })
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
		if err := st.endForgotten(ctx, tx, &rows[i]); err != nil {
			return 0, err
		}
	}
	if len(ids) > 0 {
		if err := execIn(ctx, tx, `DELETE FROM sessions WHERE id IN (?)`, ids); err != nil {
			return 0, err
		}
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM counters WHERE containerHost = ?`, host)
	return int64(len(ids)), err
}

// endForgotten remembers why a row is deleted, if its client is to be told.
func (st *Store) endForgotten(ctx context.Context, tx *sqlx.Tx, s *Session) error {
	if !s.remembersEnding(hostForgotten) {
		return nil
	}
	if _, err := tx.ExecContext(ctx, stop+`id = ?`, s.ID); err != nil {
		return err
	}
	return st.remember(ctx, tx, s, hostForgotten)
}
