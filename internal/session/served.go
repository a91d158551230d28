package session

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// GatewaySessions returns the running sessions that gateways serve.
func (st *Store) GatewaySessions(ctx context.Context) ([]Session, error) {
	return st.find(ctx, ofGateway)
}

const ofGateway = `gateway AND state = 'running'`

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

// Freezable returns the sessions behind gateways that are not frozen, and that
// were not used for so long.
func (st *Store) Freezable(ctx context.Context, unused time.Duration) ([]Session, error) {
	return st.find(ctx, freezable+st.db.SecondsAgo(), seconds(unused))
}

const freezable = ofGateway + ` AND NOT frozen AND COALESCE(lastUsed, started) <= `

// Freeze marks a session as frozen that still is freezable.
func (st *Store) Freeze(ctx context.Context, id int64, unused time.Duration) (bool, error) {
	return st.change(ctx, `UPDATE sessions SET frozen = TRUE WHERE id = ? AND `+freezable+st.db.SecondsAgo(), id, seconds(unused))
}

// Unfreeze marks a session as not frozen. False: it was not.
func (st *Store) Unfreeze(ctx context.Context, id int64) (bool, error) {
	return st.change(ctx, `UPDATE sessions SET frozen = FALSE WHERE id = ? AND frozen`, id)
}
