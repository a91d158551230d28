package session

import (
	"context"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
)

// A claim asks for a slot.
type claim struct {
	client    Client
	tls       bool
	token     string
	nonce     string
	hosts     []hosts.Load // those that may be chosen; Used is filled in
	strategy  hosts.Strategy
	startPort int
	avoid     func(host string) func(port int) bool
}

// Claim reserves a slot for a client on the host that the strategy chooses. It
// returns errTaken if the client has a session, or a [FullError].
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
	Identity []byte `db:"identity"`
}

// choose returns the place of the next container.
func (st *Store) choose(ctx context.Context, tx *sqlx.Tx, c claim) (row, error) {
	var rows []row
	if err := tx.SelectContext(ctx, &rows, `SELECT containerHost, slot, port, identity FROM sessions`); err != nil {
		return row{}, err
	}
	slots, ports := make(map[string]map[int]bool), make(map[string]map[int]bool)
	for _, h := range c.hosts {
		slots[h.Host], ports[h.Host] = make(map[int]bool), make(map[int]bool)
	}
	draining, err := drained(ctx, tx)
	if err != nil {
		return row{}, err
	}
	identity := c.client.identity()
	for _, r := range rows {
		if string(r.Identity) == string(identity) {
			return row{}, errTaken
		}
		if slots[r.Host] != nil {
			slots[r.Host][r.Slot], ports[r.Host][r.Port] = true, true
		}
	}
	return c.place(identity, slots, ports, draining)
}

// place asks the strategy for hosts until one has a free port as well.
func (c claim) place(identity []byte, slots, ports map[string]map[int]bool, draining map[string]Drained) (row, error) {
	full := &FullError{}
	var loads []hosts.Load
	for _, h := range c.hosts {
		h.Used = len(slots[h.Host])
		if why := occupied(h, draining); why != "" {
			full.Reasons = append(full.Reasons, Reason{h.Host, why})
			continue
		}
		loads = append(loads, h)
	}
	for {
		i, ok := c.strategy(loads)
		if !ok {
			return row{}, full
		}
		h := loads[i]
		slot, port, ok := choosePlace(h.Max, c.startPort, slots[h.Host], ports[h.Host], c.avoid(h.Host))
		if ok {
			return row{Host: h.Host, Slot: slot, Port: port, Identity: identity}, nil
		}
		full.Reasons = append(full.Reasons, Reason{h.Host, "strangers hold all its ports"})
		loads[i].Max = 0
	}
}

// occupied says why the database gives no slot of a host, or nothing.
func occupied(h hosts.Load, draining map[string]Drained) string {
	if d, ok := draining[h.Host]; ok {
		return d.why()
	}
	if h.Used >= h.Max {
		return fmt.Sprintf("full %d/%d", h.Used, h.Max)
	}
	return ""
}

func (st *Store) insert(ctx context.Context, tx *sqlx.Tx, c claim, at row) (int64, error) {
	res, err := tx.ExecContext(ctx, `
		INSERT INTO sessions (clientIp, clientUserAgent, identity, containerHost, slot, port, token, nonce, tls, state, started, lastUsed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'claimed', `+st.db.Now()+`, NULL)`,
		c.client.IP, strings.ToValidUTF8(c.client.UserAgent, "\uFFFD"), at.Identity, at.Host, at.Slot, at.Port, c.token, c.nonce, c.tls)
	if database.IsDuplicate(err) {
		return 0, errTaken
	}
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}
