package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// usual is for how long a statement may wait at no cost: a PUT asks the database again
// and again while the container starts, and that is no outage.
const usual = 200 * time.Millisecond

// errBudget means that a request has waited for the database for as long as it may.
var errBudget = errors.New("database too slow for this request")

// A budget is what one request may wait for the database, all its statements together:
// each has limits of its own, but they add up where one waits behind another.
type budget struct {
	mu   sync.Mutex
	left time.Duration
}

type budgetKey struct{}

// withBudget gives the work under the returned context a budget of its own.
func withBudget(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, budgetKey{}, &budget{left: d})
}

// ask runs fn, which asks the database, within what is left of the budget of ctx.
// Without one fn takes as long as it takes.
func ask(ctx context.Context, fn func(context.Context) error) error {
	b, ok := ctx.Value(budgetKey{}).(*budget)
	if !ok {
		return fn(ctx)
	}
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, b.rest())
	defer cancel()
	err := fn(limited)
	b.spend(time.Since(began) - usual)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return fmt.Errorf("%w: %w", errBudget, err)
	}
	return err
}

func (b *budget) rest() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left
}

func (b *budget) spend(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left -= max(0, d)
}
