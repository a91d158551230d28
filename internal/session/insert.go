package session

import (
	"context"
	"strings"

	"wrpdistributor/internal/database"
)

// insert adds the rows of all claims that have a place. A row that a unique key refuses
// is refused alone: its client got a session meanwhile, by taking a waiting container.
func (b *batch) insert(ctx context.Context) error {
	list := b.open()
	err := b.insertAbove(ctx, list)
	if !database.IsDuplicate(err) {
		return err
	}
	for i, p := range list {
		err := b.insertAbove(ctx, list[i:i+1])
		switch {
		case database.IsDuplicate(err):
			p.refused = errTaken
			b.takeBack(p)
		case err != nil:
			return err
		}
	}
	return nil
}

// insertAbove inserts rows with ids that are high enough.
func (b *batch) insertAbove(ctx context.Context, list []*pendingClaim) error {
	above := int64(0)
	for _, p := range list {
		above = max(above, p.above)
	}
	if err := b.insertRows(ctx, list, 0); err != nil || above == 0 || len(list) == 0 {
		return err
	}
	ids, err := selectIn[int64](ctx, b.tx, `SELECT id FROM sessions WHERE token IN (?) ORDER BY id`, tokens(list))
	if err != nil || ids[0] > above {
		return err
	}
	// Once an id was given, no lower one is again: this moves the database's counter.
	if err := execIn(ctx, b.tx, `DELETE FROM sessions WHERE token IN (?)`, tokens(list)); err != nil {
		return err
	}
	return b.insertRows(ctx, list, above+1)
}

// insertRows inserts rows under ids from first on; zero: under the next ones.
func (b *batch) insertRows(ctx context.Context, list []*pendingClaim, first int64) error {
	if len(list) == 0 {
		return nil
	}
	row := `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ` + b.db.Now() + `, NULL)`
	var args []any
	for i, p := range list {
		var id any
		if first > 0 {
			id = first + int64(i)
		}
		args = append(args, id)
		args = append(args, p.values()...)
	}
	_, err := b.tx.ExecContext(ctx, `
		INSERT INTO sessions (id, clientIp, clientUserAgent, account, identity, containerHost, slot, port, token, nonce, settings, tls, gateway, state, started, lastUsed)
		VALUES `+row+strings.Repeat(`, `+row, len(list)-1), args...)
	return err
}

// values are those of the claim's row, but for its id and times.
func (p *pendingClaim) values() []any {
	var identity []byte
	ip, agent, account, state := "", "", "", Warming
	if p.client != nil {
		identity, ip, agent, account, state = p.client.identity(), p.client.IP, p.client.agent(), p.client.account, Claimed
	}
	return []any{ip, agent, account, identity, p.at.Host, p.at.Slot, p.at.Port, p.token, p.nonce, p.settings, p.tls, p.gateway, state}
}

func tokens(list []*pendingClaim) (all []string) {
	for _, p := range list {
		all = append(all, p.token)
	}
	return all
}
