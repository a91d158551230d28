package session

import (
	"bytes"
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
)

// A claim asks for a slot.
type claim struct {
	client    *Client // nil: a client still to come
	enough    int     // without a client: so many of the kind may wait on the host
	tls       bool
	gateway   bool
	token     string
	nonce     string
	hosts     []hosts.Load // those that may be chosen; Used is filled in
	strategy  hosts.Strategy
	startPort int
	avoid     func(host string) func(port int) bool
}

// Claim reserves a slot on the host that the strategy chooses. It returns errTaken
// if the client has a session, errEnough if it is for none and enough containers
// wait already, or a [FullError].
//
// One claim at a time: the pool's row is locked, so that the counts are exact
// when the strategy looks at them. The unique keys refuse what would be wrong
// all the same.
func (st *Store) Claim(ctx context.Context, c claim) (*Session, error) {
	var id int64
	err := database.InTx(ctx, st.db, func(tx *sqlx.Tx) error {
		if err := database.LockPool(ctx, tx); err != nil {
			return err
		}
		s, err := st.choose(ctx, tx, c)
		if err != nil {
			return err
		}
		id, err = st.insert(ctx, tx, c, s)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim slot: %w", err)
	}
	return st.ByID(ctx, id)
}

// A row is what a claim needs to know of the others.
type row struct {
	Host     string `db:"containerHost"`
	Slot     int    `db:"slot"`
	Port     int    `db:"port"`
	State    State  `db:"state"`
	Identity []byte `db:"identity"`
	TLS      bool   `db:"tls"`
	Gateway  bool   `db:"gateway"`
	Unused   bool   `db:"unused"` // it never had a client
}

func (r row) waits() bool { return r.State == Warm || r.State == Warming }

// places is what rows occupy on one host.
type places struct {
	slots, ports map[int]bool
	waiting      int  // slots of containers that wait for a client
	yields       bool // there is one that waits, or that waited and is being ended
}

// choose returns the place of the next container.
func (st *Store) choose(ctx context.Context, tx *sqlx.Tx, c claim) (row, error) {
	var rows []row
	if err := tx.SelectContext(ctx, &rows, `SELECT containerHost, slot, port, state, identity, tls, gateway, clientIp = '' AS unused FROM sessions`); err != nil {
		return row{}, err
	}
	draining, err := drained(ctx, tx)
	if err != nil {
		return row{}, err
	}
	taken := make(map[string]*places)
	for _, h := range c.hosts {
		taken[h.Host] = &places{slots: make(map[int]bool), ports: make(map[int]bool)}
	}
	same := 0 // that wait like the one claimed here
	for _, r := range rows {
		if c.client != nil && bytes.Equal(r.Identity, c.client.identity()) {
			return row{}, errTaken
		}
		p := taken[r.Host]
		if p == nil {
			continue
		}
		p.slots[r.Slot], p.ports[r.Port], p.yields = true, true, p.yields || r.Unused
		if r.waits() {
			p.waiting++
			if r.TLS == c.tls && r.Gateway == c.gateway {
				same++
			}
		}
	}
	if c.client == nil && same >= c.enough {
		return row{}, errEnough
	}
	return c.place(taken, draining)
}

func (st *Store) insert(ctx context.Context, tx *sqlx.Tx, c claim, at row) (int64, error) {
	var identity []byte
	ip, agent, state := "", "", Warming
	if c.client != nil {
		identity, ip, agent, state = c.client.identity(), c.client.IP, c.client.readable(), Claimed
	}
	res, err := tx.ExecContext(ctx, `
		INSERT INTO sessions (clientIp, clientUserAgent, identity, containerHost, slot, port, token, nonce, tls, gateway, state, started, lastUsed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, `+st.db.Now()+`, NULL)`,
		ip, agent, identity, at.Host, at.Slot, at.Port, c.token, c.nonce, c.tls, c.gateway, state)
	if database.IsDuplicate(err) {
		return 0, errTaken
	}
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}
