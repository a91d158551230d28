package session

import (
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
)

const (
	// claimTimeout is how long a batch of claims may take. Claimants give up earlier.
	claimTimeout = 20 * time.Second

	// recountEvery is how often the rows are counted because claims would be refused.
	recountEvery = time.Second
)

// writeClaims makes claims in one transaction, and answers each by itself. A mistake of
// one of them is no other's: then each is made alone.
func (st *Store) writeClaims(claims []*pendingClaim) {
	ctx, cancel := context.WithTimeout(st.claims.alive, claimTimeout)
	defer cancel()
	b, made, err := st.makeClaims(ctx, claims)
	if err != nil && len(claims) > 1 && !database.IsUnavailable(err) && ctx.Err() == nil {
		for i := range claims {
			st.writeClaims(claims[i : i+1])
		}
		return
	}
	failpoint("claims committed")
	unwanted := answerClaims(claims, made, err)
	st.dropClaims(ctx, unwanted)
	if b != nil {
		// An error is no claimant's business: a claim that meets the counter tries again.
		_ = st.repairCounters(ctx, b.miscounted())
	}
}

// makeClaims returns the sessions that were made, by token.
func (st *Store) makeClaims(ctx context.Context, claims []*pendingClaim) (*batch, map[string]*Session, error) {
	b := &batch{Store: st, claims: claims, isFirst: st.recounted.IsZero(), mayRecount: time.Since(st.recounted) >= recountEvery}
	err := database.InTx(ctx, st.db, func(tx *sqlx.Tx) error { return b.run(ctx, tx) })
	if err != nil && !errors.Is(err, database.ErrUncertain) {
		b.reset()
		return nil, nil, err
	}
	made, findErr := st.byToken(ctx, b.open())
	if err != nil && findErr != nil {
		st.dropLater(tokens(b.open()))
	}
	if err != nil && len(made) == 0 {
		b.reset()
		return nil, nil, errors.Join(err, findErr)
	}
	if b.recounted {
		st.recounted = time.Now()
	}
	return b, made, findErr
}

// byToken returns the sessions of claims.
func (st *Store) byToken(ctx context.Context, claims []*pendingClaim) (map[string]*Session, error) {
	if len(claims) == 0 {
		return nil, nil
	}
	list, err := st.findIn(ctx, `token IN (?)`, tokens(claims))
	if err != nil {
		return nil, err
	}
	m := make(map[string]*Session, len(list))
	for i := range list {
		m[list[i].Token] = &list[i]
	}
	return m, nil
}

// answerClaims gives each claim its result, and returns the sessions whose claimants
// have given up.
func answerClaims(claims []*pendingClaim, made map[string]*Session, err error) (unwanted []*Session) {
	for _, p := range claims {
		s, failed := made[p.token], p.refused
		switch {
		case s != nil:
			failed = nil
		case failed == nil:
			failed = err
		}
		if failed == nil && s == nil {
			failed = ErrStopped // already: by an operator, or because its host was forgotten
		}
		if !p.answer(s, failed) && s != nil {
			unwanted = append(unwanted, s)
		}
	}
	return unwanted
}

// dropClaims gives slots back for which nothing was asked of a host, now or later.
func (st *Store) dropClaims(ctx context.Context, unwanted []*Session) {
	var left []string
	for _, s := range unwanted {
		if _, err := st.Delete(ctx, s.ID); err != nil {
			left = append(left, s.Token)
		}
	}
	st.dropLater(left)
}
