package session

import (
	"context"
	"fmt"

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
	hosts     []hosts.Load // those that may be chosen; Used is looked up
	strategy  hosts.Strategy
	ports     portRange
	isForeign func(host string) func(port int) bool
}

// Claim reserves a slot on the host that the strategy chooses. It returns errTaken
// if the client has a session, a [TooManyError] if its account has as many as it may,
// errEnough if it has no client and enough containers wait already, or a [FullError].
//
// One transaction of claims at a time: the pool's row is locked, so that the counts
// are exact when the strategy looks at them. The unique keys refuse what would be
// wrong all the same. Claims that come while another transaction is under way are
// made together, by the next. One that ctx ends for is not made, or rolled back.
func (st *Store) Claim(ctx context.Context, c claim) (*Session, error) {
	var s *Session
	err := ask(ctx, func(ctx context.Context) (err error) {
		s, err = st.claims.submit(ctx, c)
		return err
	})
	st.changes.Add(1)
	if c.client == nil {
		st.arrivals.Add(1)
	}
	if err != nil {
		return nil, fmt.Errorf("claim slot: %w", err)
	}
	return s, nil
}

// A kind is what makes containers that wait on one host alike.
type kind struct {
	Host    string `db:"containerHost"`
	TLS     bool   `db:"tls"`
	Gateway bool   `db:"gateway"`
}

// alike returns how many of the waiting containers are of the claim's kind, on its hosts.
func (c *claim) alike(waiting map[kind]int) int {
	n := 0
	for _, h := range c.hosts {
		n += waiting[kind{h.Host, c.tls, c.gateway}]
	}
	return n
}
