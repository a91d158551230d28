package warm

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"wrpdistributor/internal/reminder"
)

const (
	job = "warm" // under which the lease is stored

	// leaseTerm is after how long others take over from a replica that died.
	leaseTerm = 6 * time.Second
)

// A lease says whether this replica is the one that maintains warm containers.
type lease struct {
	store  Store
	holder string // of the lease, if this replica has it
	log    *slog.Logger

	held    atomic.Bool
	trouble reminder.Trouble // the database does not say who has it
}

// renew asks for the lease, or for more time if this replica has it. That the
// database does not answer is logged once an hour, and so is that it does again.
func (l *lease) renew(ctx context.Context) {
	got, err := l.store.Lease(ctx, job, l.holder, leaseTerm)
	if err != nil && ctx.Err() != nil {
		return // a lease that is held has still to be ended
	}
	l.held.Store(got)
	switch {
	case err == nil && l.trouble.Over():
		l.log.InfoContext(ctx, "lease can be renewed again")
	case err != nil && l.trouble.Due(err):
		l.log.WarnContext(ctx, "renew lease failed; no containers are warmed up", "err", err)
	}
}

// end lets another replica have the lease at once.
func (l *lease) end() {
	ctx, cancel := context.WithTimeout(context.Background(), leaseTerm)
	defer cancel()
	if err := l.store.EndLease(ctx, job, l.holder); err != nil {
		l.log.Warn("end lease failed; other replicas wait until it expires", "err", err)
	}
}
