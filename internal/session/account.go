package session

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
)

// The kinds of clients who are known by no address and User-Agent.
const (
	kindBackend = "backend" // named by a backend
	kindAccount = "account" // with a name and a password
	kindVisitor = "visitor" // with a cookie
)

// visitorsAt begins the account of all visitors from one address.
const visitorsAt = "@"

// BackendUser returns the client that a backend knows by a name. No client has the same
// identity, from whatever address.
func BackendUser(name string) Client { return Client{IP: kindBackend, UserAgent: name} }

// AccountUser returns one of the clients of an account, by the name of the account and of
// the device, which may be empty. Clients of the account have so many sessions together at
// most; with 0 they get none.
func AccountUser(name, device string, most int) Client {
	c := Client{IP: kindAccount, UserAgent: name, account: name, device: device, most: most}
	if device != "" {
		c.UserAgent += "/" + device
	}
	return c
}

// Visitor returns a client without an account, who is known by an id that nobody else has.
// Those from one address have so many sessions together at most; with 0 they get none.
func Visitor(id, address string, most int) Client {
	return Client{IP: kindVisitor, UserAgent: id, account: visitorsAt + address, most: most}
}

func (c Client) identity() []byte {
	switch c.IP {
	case kindBackend, kindVisitor:
		return database.NamedIdentity(c.IP, c.UserAgent)
	case kindAccount:
		return database.NamedIdentity(c.IP, c.account, c.device)
	}
	return database.Identity(c.IP, c.UserAgent)
}

// agent is the user agent as it is stored for people. Nobody is recognised by it. Of
// visitors it is what tells them apart, and not the id.
func (c Client) agent() string {
	if c.IP == kindVisitor {
		return hashOf(c.identity())
	}
	return readable(c.UserAgent, maxAgent)
}

// A TooManyError says that the clients of an account have as many sessions as they may.
type TooManyError struct {
	Account string
	Most    int
}

// Error names the account, and no address.
func (e *TooManyError) Error() string {
	name := "account " + e.Account
	if strings.HasPrefix(e.Account, visitorsAt) {
		name = "its address"
	}
	return fmt.Sprintf("%s has as many sessions as it may (%d)", name, e.Most)
}

func (c Client) tooMany() error { return &TooManyError{Account: c.account, Most: c.most} }

// refuseTooMany refuses clients whose accounts have as many sessions as they may, with
// those that the batch gives them.
func (b *batch) refuseTooMany(ctx context.Context) error {
	list := b.ofAccounts()
	if len(list) == 0 {
		return nil
	}
	used, err := b.readAccounts(ctx, list)
	if err != nil {
		return err
	}
	for _, p := range list {
		if used[p.client.account] >= p.client.most {
			p.refused = p.client.tooMany()
			continue
		}
		used[p.client.account]++
	}
	return nil
}

// ofAccounts returns the claims of clients with accounts that are not refused.
func (b *batch) ofAccounts() (list []*pendingClaim) {
	for _, p := range b.open() {
		if p.client != nil && p.client.account != "" {
			list = append(list, p)
		}
	}
	return list
}

// readAccounts returns how many sessions the accounts of claims have.
func (b *batch) readAccounts(ctx context.Context, list []*pendingClaim) (map[string]int, error) {
	var names []string
	for _, p := range list {
		names = append(names, p.client.account)
	}
	rows, err := selectIn[struct {
		Account string `db:"account"`
		N       int    `db:"n"`
	}](ctx, b.tx, `SELECT account, COUNT(*) AS n FROM sessions WHERE account IN (?) AND state <> 'stopping' GROUP BY account`, names)
	used := make(map[string]int, len(rows))
	for _, r := range rows {
		used[r.Account] = r.N
	}
	return used, err
}

// refuseTaking returns why a client may not take what waits. Until tx ends, nobody else
// can give a session to the account: claims wait for the pool's lock too.
func refuseTaking(ctx context.Context, tx *sqlx.Tx, c Client) error {
	if err := database.LockPool(ctx, tx); err != nil {
		return err
	}
	var identities [][]byte
	err := tx.SelectContext(ctx, &identities, `SELECT identity FROM sessions WHERE `+ofAccount, c.account)
	if err != nil {
		return err
	}
	for _, identity := range identities {
		if bytes.Equal(identity, c.identity()) {
			return errTaken
		}
	}
	if len(identities) >= c.most {
		return c.tooMany()
	}
	return nil
}

// takingBy is what belongs to the change by which a client takes what waits.
func takingBy(c Client) transaction {
	if c.account == "" {
		return transaction{}
	}
	return transaction{
		before: func(ctx context.Context, tx *sqlx.Tx) error { return refuseTaking(ctx, tx, c) },
		after: func(ctx context.Context, tx *sqlx.Tx) error {
			_, err := tx.ExecContext(ctx, forgetEnding, c.identity())
			return err
		},
	}
}

// ofAccount is the condition of the sessions that count for an account, its argument.
const ofAccount = `account = ? AND state <> 'stopping'`

// hashOf is the begin of an identity, by which people tell clients apart.
func hashOf(identity []byte) string { return hex.EncodeToString(identity[:min(4, len(identity))]) }
