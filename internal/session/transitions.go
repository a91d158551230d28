package session

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
)

// change runs an UPDATE or DELETE that decides a race, and reports whether this
// side won it.
func (st *Store) change(ctx context.Context, query string, args ...any) (bool, error) {
	var n int64
	err := database.InTx(ctx, st.db, func(tx *sqlx.Tx) error {
		res, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	if err != nil {
		return false, fmt.Errorf("change session: %w", err)
	}
	return n > 0, nil
}

// MarkStarting says that the starter goes on, with the container's id once it is
// known. False: someone stopped the session.
func (st *Store) MarkStarting(ctx context.Context, id int64, containerID string) (bool, error) {
	return st.change(ctx, `
		UPDATE sessions SET state = CASE state WHEN 'warming' THEN state ELSE 'starting' END, wrpContainerId = ?
		WHERE id = ? AND state IN ('claimed', 'starting', 'warming')`, sql.NullString{String: containerID, Valid: containerID != ""}, id)
}

// Confirm makes a started session the client's, not used yet. False: someone
// stopped it.
func (st *Store) Confirm(ctx context.Context, id int64) (bool, error) {
	return st.change(ctx, `
		UPDATE sessions SET state = 'running', started = `+st.db.Now()+`, lastUsed = NULL
		WHERE id = ? AND state = 'starting'`, id)
}

// ConfirmWarm says that a container waits for a client. False: it was taken or
// stopped before.
func (st *Store) ConfirmWarm(ctx context.Context, id int64) (bool, error) {
	return st.change(ctx, `UPDATE sessions SET state = 'warm', started = `+st.db.Now()+` WHERE id = ? AND state = 'warming'`, id)
}

// Take gives a waiting container to a client, who has not used it yet. False:
// someone else got it. It returns errTaken if the client has a session.
func (st *Store) Take(ctx context.Context, id int64, expected State, c Client, tls bool) (bool, error) {
	won, err := st.change(ctx, `
		UPDATE sessions SET identity = ?, clientIp = ?, clientUserAgent = ?, tls = ?, state = 'starting', started = `+st.db.Now()+`, lastUsed = `+st.db.Now()+`
		WHERE id = ? AND state = ?`, c.identity(), c.IP, c.readable(), tls, id, expected)
	if database.IsDuplicate(err) {
		return false, errTaken
	}
	return won, err
}

// Touch counts as use of the client's session. False: it has none that runs.
func (st *Store) Touch(ctx context.Context, identity []byte) (bool, error) {
	return st.change(ctx, `UPDATE sessions SET lastUsed = `+st.db.Now()+` WHERE identity = ? AND state = 'running'`, identity)
}

// TouchAll counts as use of running sessions, and returns how many there are.
func (st *Store) TouchAll(ctx context.Context, ids []int64) (int64, error) {
	query, args, err := sqlx.In(`UPDATE sessions SET lastUsed = `+st.db.Now()+` WHERE state = 'running' AND id IN (?)`, ids)
	if err != nil {
		return 0, err
	}
	res, err := st.db.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, fmt.Errorf("count as used: %w", err)
	}
	return res.RowsAffected()
}

// Freeze marks a session as frozen that still is freezable.
func (st *Store) Freeze(ctx context.Context, id int64, unused time.Duration) (bool, error) {
	return st.change(ctx, `UPDATE sessions SET frozen = TRUE WHERE id = ? AND `+freezable+st.db.SecondsAgo(), id, seconds(unused))
}

// Unfreeze marks a session as not frozen. False: it was not.
func (st *Store) Unfreeze(ctx context.Context, id int64) (bool, error) {
	return st.change(ctx, `UPDATE sessions SET frozen = FALSE WHERE id = ? AND frozen`, id)
}

// Stop takes the session from its client and marks it as stopping, if it is in
// the expected state. The slot stays taken.
func (st *Store) Stop(ctx context.Context, id int64, expected State) (bool, error) {
	return st.change(ctx, stop+`id = ? AND state = ?`, id, expected)
}

const stop = `UPDATE sessions SET state = 'stopping', identity = NULL WHERE `

// StopIdle is [Store.Stop] for a running session that is still unused for so
// long.
func (st *Store) StopIdle(ctx context.Context, id int64, unused time.Duration) (bool, error) {
	return st.change(ctx, stop+`id = ? AND `+idle(st.db), id, seconds(unused+GatewayDelay), seconds(unused))
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

// Delete gives the slot of a session back that does not run. False: it is gone.
func (st *Store) Delete(ctx context.Context, id int64) (bool, error) {
	return st.change(ctx, `DELETE FROM sessions WHERE id = ? AND state NOT IN ('running', 'warm')`, id)
}

// Forget deletes all rows of a host, and returns how many.
func (st *Store) Forget(ctx context.Context, host string) (int64, error) {
	res, err := st.db.ExecContext(ctx, `DELETE FROM sessions WHERE containerHost = ?`, host)
	if err != nil {
		return 0, fmt.Errorf("forget host %s: %w", host, err)
	}
	return res.RowsAffected()
}
