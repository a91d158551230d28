package session

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/journal"
)

// A Store keeps sessions in a SQL database. What differs between the dialects
// is in package database.
type Store struct {
	db           *database.DB
	startTimeout time.Duration // after which a start is taken for given up
	changes      atomic.Int64  // what this process has changed that counts, or may have
	arrivals     atomic.Int64  // of those, after which something may wait for a client that did not, or in another way
	claims       claimQueue
	errands      *errands
	recounted    time.Time       // when claims last counted all rows; the writer's
	journal      *journal.Writer // nil: there is none
}

// NewStore returns a store backed by db, which must be migrated. A start that
// takes longer than startTimeout is taken for given up.
func NewStore(db *database.DB, startTimeout time.Duration) *Store {
	st := &Store{db: db, startTimeout: startTimeout, errands: newErrands()}
	st.claims.write = st.writeClaims
	st.claims.alive, st.claims.abort = context.WithCancel(context.Background())
	return st
}

const (
	// GatewayDelay is by how much at most a gateway is late to touch a session. A
	// session behind a gateway is idle so much later.
	GatewayDelay = 15 * time.Second

	// MinFreezeAfter is the shortest time without use after which a session may be
	// frozen: with less, one would be frozen whose use is not written down yet.
	MinFreezeAfter = 2 * GatewayDelay
)

// seconds rounds a time up to the whole seconds that the database counts in.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

const columns = `id, state, containerHost, slot, port, tls, gateway, frozen, COALESCE(token, '') AS token,
	COALESCE(wrpContainerId, '') AS wrpContainerId, COALESCE(nonce, '') AS nonce, settings,
	clientIp, clientUserAgent, account, identity, started, lastUsed`

// find returns the sessions that match a condition, oldest first.
func (st *Store) find(ctx context.Context, where string, args ...any) ([]Session, error) {
	var list []Session
	err := ask(ctx, func(ctx context.Context) error {
		return st.db.SelectContext(ctx, &list, `
			SELECT `+columns+`, started <= `+st.db.SecondsAgo()+` AS overdue
			FROM sessions WHERE `+where, append([]any{seconds(st.startTimeout)}, args...)...)
	})
	if err != nil {
		return nil, fmt.Errorf("%w: look up sessions: %w", errStatement, err)
	}
	// Asked for an order, MariaDB reads the whole table in it rather than a few rows by
	// their index.
	slices.SortFunc(list, func(a, b Session) int { return cmp.Compare(a.ID, b.ID) })
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

// Begun returns the sessions, in whatever state, that began so long ago, or longer: were
// claimed, or started to run.
func (st *Store) Begun(ctx context.Context, ago time.Duration) ([]Session, error) {
	return st.find(ctx, `started <= `+st.db.SecondsAgo(), seconds(ago))
}

// OnHost returns the sessions of one host.
func (st *Store) OnHost(ctx context.Context, host string) ([]Session, error) {
	return st.find(ctx, `containerHost = ?`, host)
}

// ByID returns the session, or [ErrNotFound].
func (st *Store) ByID(ctx context.Context, id int64) (*Session, error) {
	return st.findOne(ctx, `id = ?`, id)
}

// ByIdentity returns the session of a client, or [ErrNotFound].
func (st *Store) ByIdentity(ctx context.Context, identity []byte) (*Session, error) {
	return st.findOne(ctx, `identity = ?`, identity)
}

// Idle returns the running sessions that were not used for so long.
func (st *Store) Idle(ctx context.Context, unused time.Duration) ([]Session, error) {
	return st.find(ctx, idle(st.db), seconds(unused+GatewayDelay), seconds(unused))
}

// idle is the condition under which a session is idle. Its arguments are the
// seconds for gateway sessions, and for those that clients use directly.
func idle(db *database.DB) string {
	return `state = 'running' AND identity IS NOT NULL AND COALESCE(lastUsed, started) <=
		CASE WHEN gateway THEN ` + db.SecondsAgo() + ` ELSE ` + db.SecondsAgo() + ` END`
}

// runningGateway is the condition of sessions that run behind gateways. The plus changes
// nothing but for SQLite, which cannot look up the state by an index then: nearly all
// sessions are in this one, and it would rather do that than look up a few ids or tokens.
const runningGateway = `gateway AND +state = 'running'`

const freezable = runningGateway + ` AND NOT frozen AND COALESCE(lastUsed, started) <= `

// Waiting returns the sessions that wait for a client, or are being warmed up, on
// hosts that are not drained; none while new sessions are paused.
func (st *Store) Waiting(ctx context.Context) ([]Session, error) {
	return st.find(ctx, `state IN ('warm', 'warming') AND containerHost NOT IN (SELECT containerHost FROM hosts) AND `+notPaused)
}

// Evictable returns the sessions that never had a client, in whatever state, on
// hosts that are not drained. (On a drained host no slot comes free for anybody.)
func (st *Store) Evictable(ctx context.Context) ([]Session, error) {
	return st.find(ctx, `clientIp = '' AND containerHost NOT IN (SELECT containerHost FROM hosts)`)
}

// WaitingOn is [Store.Waiting] for one host, even if it is drained.
func (st *Store) WaitingOn(ctx context.Context, host string) ([]Session, error) {
	return st.find(ctx, `state IN ('warm', 'warming') AND containerHost = ?`, host)
}

// Aged returns the sessions of one host that have waited for a client for so long,
// oldest first.
func (st *Store) Aged(ctx context.Context, host string, waited time.Duration) ([]Session, error) {
	return st.find(ctx, `state = 'warm' AND containerHost = ? AND started <= `+st.db.SecondsAgo(), host, seconds(waited))
}

// lastGateway is [database.DB.LastGateway].
func (st *Store) lastGateway(ctx context.Context, process string, tls bool) (g database.LastGateway, err error) {
	err = ask(ctx, func(ctx context.Context) error {
		g, err = st.db.LastGateway(ctx, process, tls)
		return err
	})
	return g, err
}

// Lease is [database.DB.Lease].
func (st *Store) Lease(ctx context.Context, job, holder string, term time.Duration) (bool, error) {
	return st.db.Lease(ctx, job, holder, term)
}

// EndLease is [database.DB.EndLease].
func (st *Store) EndLease(ctx context.Context, job, holder string) error {
	return st.db.EndLease(ctx, job, holder)
}
