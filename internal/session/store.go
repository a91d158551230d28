package session

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
)

// A Store keeps sessions in a SQL database. What differs between the dialects
// is in package database.
type Store struct {
	db           *database.DB
	startTimeout time.Duration // after which a start counts as given up
}

// NewStore returns a store backed by db, which must be migrated. A start that
// takes longer than startTimeout is taken for dead.
func NewStore(db *database.DB, startTimeout time.Duration) *Store {
	return &Store{db: db, startTimeout: startTimeout}
}

// GatewayDelay is by how much at most a gateway is late to touch a session. A
// session behind a gateway is idle so much later.
const GatewayDelay = 15 * time.Second

// seconds rounds a time up to the whole seconds that the database counts in.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

const columns = `id, state, containerHost, slot, port, tls, gateway, frozen, COALESCE(token, '') AS token,
	COALESCE(wrpContainerId, '') AS wrpContainerId, COALESCE(nonce, '') AS nonce,
	clientIp, clientUserAgent, identity, started, lastUsed`

// find returns the sessions that match a condition, oldest first.
func (st *Store) find(ctx context.Context, where string, args ...any) ([]Session, error) {
	var list []Session
	err := st.db.SelectContext(ctx, &list, `
		SELECT `+columns+`, started <= `+st.db.SecondsAgo()+` AS overdue
		FROM sessions WHERE `+where+` ORDER BY id`, append([]any{seconds(st.startTimeout)}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("look up sessions: %w", err)
	}
	return list, nil
}

func (st *Store) findOne(ctx context.Context, where string, args ...any) (*Session, error) {
	list, err := st.find(ctx, where, args...)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, ErrNotFound
	}
	return &list[0], nil
}

// All returns every session, in whatever state.
func (st *Store) All(ctx context.Context) ([]Session, error) {
	return st.find(ctx, `1 = 1`)
}

// OnHost returns the sessions of one host.
func (st *Store) OnHost(ctx context.Context, host string) ([]Session, error) {
	return st.find(ctx, `containerHost = ?`, host)
}

// Idle returns the running sessions of clients that were not used for so long.
func (st *Store) Idle(ctx context.Context, unused time.Duration) ([]Session, error) {
	return st.find(ctx, idle(st.db), seconds(unused+GatewayDelay), seconds(unused))
}

// idle is the condition under which a session is reaped. Its arguments are the
// seconds for those behind a gateway, and for those that clients use directly.
func idle(db *database.DB) string {
	return `state = 'running' AND identity IS NOT NULL AND COALESCE(lastUsed, started) <=
		CASE WHEN gateway THEN ` + db.SecondsAgo() + ` ELSE ` + db.SecondsAgo() + ` END`
}

// ByID returns the session, or [ErrNotFound].
func (st *Store) ByID(ctx context.Context, id int64) (*Session, error) {
	return st.findOne(ctx, `id = ?`, id)
}

// ByIdentity returns the session of a client, or [ErrNotFound].
func (st *Store) ByIdentity(ctx context.Context, identity []byte) (*Session, error) {
	return st.findOne(ctx, `identity = ?`, identity)
}

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

// Touch counts as use of the client's session. False: it has none that runs.
func (st *Store) Touch(ctx context.Context, identity []byte) (bool, error) {
	return st.change(ctx, `UPDATE sessions SET lastUsed = `+st.db.Now()+` WHERE identity = ? AND state = 'running'`, identity)
}

// Waiting returns the containers that wait for a client, or are being prepared to,
// on hosts that are not drained.
func (st *Store) Waiting(ctx context.Context) ([]Session, error) {
	return st.find(ctx, `state IN ('warm', 'warming') AND containerHost NOT IN (SELECT containerHost FROM hosts)`)
}

// Evictable returns the sessions that never had a client, in whatever state, on
// hosts that are not drained.
func (st *Store) Evictable(ctx context.Context) ([]Session, error) {
	return st.find(ctx, `clientIp = '' AND containerHost NOT IN (SELECT containerHost FROM hosts)`)
}

// WaitingOn returns the containers of one host that wait, or are being prepared
// to, even if it is drained.
func (st *Store) WaitingOn(ctx context.Context, host string) ([]Session, error) {
	return st.find(ctx, `state IN ('warm', 'warming') AND containerHost = ?`, host)
}

// Aged returns the containers of one host that have waited for so long, oldest
// first.
func (st *Store) Aged(ctx context.Context, host string, waited time.Duration) ([]Session, error) {
	return st.find(ctx, `state = 'warm' AND containerHost = ? AND started <= `+st.db.SecondsAgo(), host, seconds(waited))
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

// ConfirmWarm says that a container waits for a client. False: it was taken or
// stopped before.
func (st *Store) ConfirmWarm(ctx context.Context, id int64) (bool, error) {
	return st.change(ctx, `UPDATE sessions SET state = 'warm', started = `+st.db.Now()+` WHERE id = ? AND state = 'warming'`, id)
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

// Lease is [database.DB.Lease].
func (st *Store) Lease(ctx context.Context, job, holder string, term time.Duration) (bool, error) {
	return st.db.Lease(ctx, job, holder, term)
}

// EndLease is [database.DB.EndLease].
func (st *Store) EndLease(ctx context.Context, job, holder string) error {
	return st.db.EndLease(ctx, job, holder)
}

// SwapPool writes down which pool this process works with, and returns what the
// one before wrote; empty if nobody did.
func (st *Store) SwapPool(ctx context.Context, description string) (string, error) {
	var before sql.NullString
	err := database.InTx(ctx, st.db, func(tx *sqlx.Tx) error {
		if err := database.LockPool(ctx, tx); err != nil {
			return err
		}
		if err := tx.GetContext(ctx, &before, `SELECT description FROM pool WHERE id = 1`); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE pool SET description = ? WHERE id = 1`, description)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("compare the pool's configuration: %w", err)
	}
	return before.String, nil
}
