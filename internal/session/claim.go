package session

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
)

// A claim asks for a slot.
type claim struct {
	client    *Client // nil: a client still to come
	enough    int     // without a client: how many containers of this kind may wait on the host
	settings  string  // without a client: those that a new container gets there
	tls       bool
	gateway   bool
	token     string
	nonce     string
	above     int64        // the id is to be higher than this
	hosts     []hosts.Load // those that may be chosen; [claim.candidates] fills in Used
	strategy  hosts.Strategy
	ports     portRange
	isForeign func(host string) func(port int) bool
}

// Claim reserves a slot on the host that the strategy chooses. It returns errTaken
// if the client has a session, errEnough if it has no client and enough containers
// wait already, or a [FullError].
//
// One claim at a time: the pool's row is locked, so that the counts are exact
// when the strategy looks at them. The unique keys refuse what would be wrong
// all the same.
func (st *Store) Claim(ctx context.Context, c claim) (*Session, error) {
	var id int64
	err := ask(ctx, func(ctx context.Context) error {
		return database.InTx(ctx, st.db, func(tx *sqlx.Tx) error {
			if err := database.LockPool(ctx, tx); err != nil {
				return err
			}
			at, err := findPlace(ctx, tx, &c)
			if err != nil {
				return err
			}
			id, err = st.insert(ctx, tx, &c, at)
			return err
		})
	})
	st.changes.Add(1)
	if c.client == nil {
		st.arrivals.Add(1)
	}
	if err != nil {
		return nil, fmt.Errorf("claim slot: %w", err)
	}
	return st.ByID(ctx, id)
}

// A takenSlot is what a claim needs to know of a session.
type takenSlot struct {
	Host      string `db:"containerHost"`
	Slot      int    `db:"slot"`
	Port      int    `db:"port"`
	State     State  `db:"state"`
	Identity  []byte `db:"identity"`
	TLS       bool   `db:"tls"`
	Gateway   bool   `db:"gateway"`
	Evictable bool   `db:"evictable"` // it never had a client
}

func (s *takenSlot) waits() bool { return s.State == Warm || s.State == Warming }

// findPlace returns where the claimed container goes.
func findPlace(ctx context.Context, tx *sqlx.Tx, c *claim) (place, error) {
	var rows []takenSlot
	err := tx.SelectContext(ctx, &rows, `
		SELECT containerHost, slot, port, state, identity, tls, gateway, clientIp = '' AS evictable
		FROM sessions`)
	if err != nil {
		return place{}, err
	}
	if err := c.conflict(rows); err != nil {
		return place{}, err
	}
	drained, err := drainedHosts(ctx, tx)
	if err != nil {
		return place{}, err
	}
	return c.choose(c.occupancies(rows), drained)
}

// conflict returns errTaken if the client has a session, or errEnough if there is
// no client and enough containers of the kind wait on the claim's hosts.
func (c *claim) conflict(rows []takenSlot) error {
	if c.client != nil {
		identity := c.client.identity()
		if slices.ContainsFunc(rows, func(s takenSlot) bool { return bytes.Equal(s.Identity, identity) }) {
			return errTaken
		}
		return nil
	}
	alike := 0
	for _, s := range rows {
		if s.waits() && s.TLS == c.tls && s.Gateway == c.gateway && isAmong(c.hosts, s.Host) {
			alike++
		}
	}
	if alike >= c.enough {
		return errEnough
	}
	return nil
}

// occupancies returns what rows occupy on each of the claim's hosts.
func (c *claim) occupancies(rows []takenSlot) map[string]*occupancy {
	taken := make(map[string]*occupancy)
	for _, h := range c.hosts {
		taken[h.Host] = &occupancy{slots: make(map[int]bool), ports: make(map[int]bool)}
	}
	for _, s := range rows {
		on := taken[s.Host]
		if on == nil {
			continue
		}
		on.slots[s.Slot], on.ports[s.Port] = true, true
		on.evictable = on.evictable || s.Evictable
		if s.waits() {
			on.waiting++
		}
	}
	return taken
}

func (st *Store) insert(ctx context.Context, tx *sqlx.Tx, c *claim, at place) (int64, error) {
	id, err := st.insertAs(ctx, tx, sql.NullInt64{}, c, at)
	if err != nil || id > c.above {
		return id, err
	}
	// Once an id was given, no lower one is again: this moves the database's counter.
	if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE id = ?`, id); err != nil {
		return 0, err
	}
	id = c.above + 1
	_, err = st.insertAs(ctx, tx, sql.NullInt64{Int64: id, Valid: true}, c, at)
	return id, err
}

// insertAs inserts the row under an id, or else under the next one, which it returns.
func (st *Store) insertAs(ctx context.Context, tx *sqlx.Tx, id sql.NullInt64, c *claim, at place) (int64, error) {
	var identity []byte
	ip, agent, state := "", "", Warming
	if c.client != nil {
		identity, ip, agent, state = c.client.identity(), c.client.IP, c.client.agent(), Claimed
	}
	res, err := tx.ExecContext(ctx, `
		INSERT INTO sessions (id, clientIp, clientUserAgent, identity, containerHost, slot, port, token, nonce, settings, tls, gateway, state, started, lastUsed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, `+st.db.Now()+`, NULL)`,
		id, ip, agent, identity, at.Host, at.Slot, at.Port, c.token, c.nonce, c.settings, c.tls, c.gateway, state)
	if database.IsDuplicate(err) {
		return 0, errTaken
	}
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}
