package session

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// A Brief is what can differ, from one look to the next, between two running sessions
// with the same id. All else that a gateway needs of a session is written before it
// runs, and stays for as long as it does; nor does it run again once it was stopped.
type Brief struct {
	ID     int64 `db:"id"`
	Frozen bool  `db:"frozen"`
}

// GatewayBriefs returns the running sessions behind gateways, in any order.
func (st *Store) GatewayBriefs(ctx context.Context) ([]Brief, error) {
	var list []Brief
	if err := st.db.SelectContext(ctx, &list, `SELECT id, frozen FROM sessions WHERE `+runningGateway); err != nil {
		return nil, fmt.Errorf("list sessions behind gateways: %w", err)
	}
	return list, nil
}

// GatewaySessions returns those of some sessions that run behind gateways.
func (st *Store) GatewaySessions(ctx context.Context, ids []int64) ([]Session, error) {
	return st.findIn(ctx, runningGateway+` AND id IN (?)`, ids)
}

// GatewaySessionsOf returns the running sessions behind gateways that tokens open.
func (st *Store) GatewaySessionsOf(ctx context.Context, tokens []string) ([]Session, error) {
	return st.findIn(ctx, runningGateway+` AND token IN (?)`, tokens)
}

// Freezable returns the ids of the running gateway sessions that are not frozen, and that
// were not used for so long.
func (st *Store) Freezable(ctx context.Context, unused time.Duration) ([]int64, error) {
	var ids []int64
	if err := st.db.SelectContext(ctx, &ids, `SELECT id FROM sessions WHERE `+freezable+st.db.SecondsAgo(), seconds(unused)); err != nil {
		return nil, fmt.Errorf("list sessions that nobody uses: %w", err)
	}
	return ids, nil
}

// findIn is [Store.find] for a condition with one list, which is not empty.
func (st *Store) findIn(ctx context.Context, where string, list any) ([]Session, error) {
	where, args, err := sqlx.In(where, list)
	if err != nil {
		return nil, err
	}
	return st.find(ctx, where, args...)
}
