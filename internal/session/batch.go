package session

import (
	"context"
	"errors"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
)

// A batch is claims that one transaction makes. What follows the claims is of one run
// of the transaction.
type batch struct {
	*Store
	claims     []*pendingClaim
	isFirst    bool // of this process: the rows are counted at once
	mayRecount bool // the rows may be counted before a claim is refused

	tx *sqlx.Tx
	closure
	rooms     map[string]*room
	waiting   map[kind]int
	recounted bool
}

// run makes the claims, or refuses them one by one. An error is the whole batch's.
func (b *batch) run(ctx context.Context, tx *sqlx.Tx) error {
	if err := b.begin(ctx, tx); err != nil {
		return err
	}
	b.refusePaused()
	if err := b.refuseTaken(ctx); err != nil {
		return err
	}
	if err := b.refuseTooMany(ctx); err != nil {
		return err
	}
	if err := b.place(ctx); err != nil {
		return err
	}
	if err := b.insert(ctx); err != nil {
		return err
	}
	if err := b.forgetEndings(ctx); err != nil {
		return err
	}
	return b.count(ctx)
}

// begin locks the pool, and forgets what an earlier run found.
func (b *batch) begin(ctx context.Context, tx *sqlx.Tx) error {
	b.reset()
	b.tx = tx
	if err := database.LockPool(ctx, tx); err != nil {
		return err
	}
	for _, p := range b.claims {
		if p.settled.Load() {
			p.refused = context.Canceled // that may have taken long
		}
	}
	return b.look(ctx)
}

func (b *batch) reset() {
	*b = batch{Store: b.Store, claims: b.claims, isFirst: b.isFirst, mayRecount: b.mayRecount}
	for _, p := range b.claims {
		p.placement = placement{}
	}
}

// look reads what does not depend on where the claims go.
func (b *batch) look(ctx context.Context) (err error) {
	if b.closure, err = readClosure(ctx, b.tx); err != nil {
		return err
	}
	if b.rooms, err = b.readCounters(ctx); err != nil {
		return err
	}
	if b.waiting, err = b.readWaiting(ctx); err != nil {
		return err
	}
	for k, n := range b.waiting {
		b.room(k.Host).waiting += n
	}
	if b.isFirst {
		return b.recount(ctx)
	}
	return nil
}

// refuseTaken refuses clients that have a session, and all but the first claim of one.
func (b *batch) refuseTaken(ctx context.Context) error {
	taken := make(map[string]bool)
	var identities [][]byte
	for _, p := range b.claims {
		if p.client != nil {
			identities = append(identities, p.client.identity())
		}
	}
	if len(identities) == 0 {
		return nil
	}
	found, err := selectIn[[]byte](ctx, b.tx, `SELECT identity FROM sessions WHERE identity IN (?)`, identities)
	if err != nil {
		return err
	}
	for _, identity := range found {
		taken[string(identity)] = true
	}
	for _, p := range b.claims {
		if p.client == nil {
			continue
		}
		identity := string(p.client.identity())
		if taken[identity] {
			p.refused = errTaken
		}
		taken[identity] = true
	}
	return nil
}

// place finds a place for each claim that was not refused. The rows of all hosts that
// were chosen are read together.
func (b *batch) place(ctx context.Context) error {
	for _, p := range b.open() {
		if err := b.choose(ctx, p); err != nil {
			return err
		}
	}
	var chosen []string
	for _, p := range b.open() {
		chosen = append(chosen, p.at.Host)
	}
	if err := b.readRows(ctx, chosen...); err != nil {
		return err
	}
	for _, p := range b.open() {
		if err := b.settle(ctx, p); err != nil {
			return err
		}
	}
	return b.explain(ctx)
}

// open returns the claims that are not refused.
func (b *batch) open() (list []*pendingClaim) {
	for _, p := range b.claims {
		if p.refused == nil {
			list = append(list, p)
		}
	}
	return list
}

// explain says of claims that no host has room for whether something could be evicted.
func (b *batch) explain(ctx context.Context) error {
	var evictable map[string]bool
	for _, p := range b.claims {
		full, ok := errors.AsType[*FullError](p.refused)
		if !ok {
			continue
		}
		if evictable == nil {
			var err error
			if evictable, err = b.readEvictable(ctx); err != nil {
				return err
			}
		}
		for _, h := range p.hosts {
			_, isDrained := b.drained[h.Host]
			full.evictable = full.evictable || evictable[h.Host] && !isDrained
		}
	}
	return nil
}

// miscounted returns the hosts whose counters turned out to be wrong.
func (b *batch) miscounted() (list []string) {
	for host, r := range b.rooms {
		if r.wrong {
			list = append(list, host)
		}
	}
	return list
}
