package session

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// stopsAtOnce is how many sessions of one account are stopped at once.
const stopsAtOnce = 8

// OfAccount returns the sessions that count for an account, oldest first: all but those
// that are being stopped. Nobody has the account "".
func (m *Manager) OfAccount(ctx context.Context, account string) ([]Session, error) {
	if account == "" {
		return nil, nil
	}
	return m.store.find(m.withBudget(ctx), ofAccount, account)
}

// StopOfAccount stops one of the sessions of an account, by its id. [ErrNotFound] means
// that the account has no such session. A container whose host cannot be asked is left to
// the reaper, and is no error.
func (m *Manager) StopOfAccount(ctx context.Context, account string, id int64) error {
	ctx, cancel := m.untilClosed(m.withBudget(context.WithoutCancel(ctx)))
	defer cancel()
	for {
		s, err := m.store.ByID(ctx, id)
		if err == nil && (account == "" || s.Account != account || s.State == Stopping) {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		if stopped, err := m.stop(ctx, s, byAccount); stopped || err != nil {
			return ignoreUnfinished(err)
		}
	}
}

// StopAccount stops all sessions of an account that was disabled or removed, and returns
// how many. What its clients asked for before, and have not got, ends with [ErrStopped].
// The clients are free at once; containers whose hosts cannot be asked are left to the
// reaper, and are no error.
func (m *Manager) StopAccount(ctx context.Context, account string) (int, error) {
	if account == "" {
		return 0, nil
	}
	ctx, cancel := m.untilClosed(m.withBudget(context.WithoutCancel(ctx)))
	defer cancel()
	m.allocations.callOffAccount(account) // before they can see that their sessions are gone
	var n atomic.Int64
	for {
		list, err := m.store.find(ctx, ofAccount, account)
		if err != nil || len(list) == 0 {
			return int(n.Load()), err
		}
		var g errgroup.Group
		g.SetLimit(stopsAtOnce)
		for i := range list {
			g.Go(func() error { return m.stopClosed(ctx, &list[i], &n) })
		}
		if err := g.Wait(); err != nil {
			return int(n.Load()), err
		}
	}
}

// stopClosed stops a session of an account that was closed, unless it has changed its state
// since it was read.
func (m *Manager) stopClosed(ctx context.Context, s *Session, n *atomic.Int64) error {
	ok, err := m.setStopping(ctx, s, accountClosed)
	if !ok || err != nil {
		return err
	}
	n.Add(1)
	_, err = m.removeAndDelete(ctx, s)
	return ignoreUnfinished(err)
}
