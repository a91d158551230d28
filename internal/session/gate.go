package session

import (
	"context"
	"errors"
	"time"

	"wrpdistributor/internal/hosts"
)

// A Observer is what clients reach private containers through. Its methods are
// called by several goroutines at once.
type Observer interface {
	// Started is told of a session that begins to run.
	Started(s *Session)

	// Stopping is told of a session whose container is about to be ended, and
	// returns when no request for it is under way, or when that takes too long.
	Stopping(ctx context.Context, id int64)
}

// SetObserver names the gate of this process. It must be called before anything
// else.
func (m *Manager) SetObserver(g Observer) { m.gate = g }

// TouchByID counts as use of a running session and returns it, its container ready to
// serve: if it was frozen it is woken. [ErrNotFound]: the session does not run.
func (m *Manager) TouchByID(ctx context.Context, id int64) (*Session, error) {
	n, err := m.Store.TouchAll(ctx, []int64{id})
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, ErrNotFound
	}
	s, err := m.Store.ByID(ctx, id)
	if err != nil || !s.Frozen {
		return s, err
	}
	return s, m.wake(ctx, s)
}

// wake says so in the row before it lets the container go on: who freezes it at
// the same time pauses it before he looks at the row again, so that one of both
// comes last and finds what the other did. Whoever dies in between leaves a
// container that the next request has to wait for, see [Manager.RepairUnresponsive].
func (m *Manager) wake(ctx context.Context, s *Session) error {
	if _, err := m.Store.Unfreeze(ctx, s.ID); err != nil {
		return err
	}
	step("woken")
	return m.Pool.Unpause(ctx, s.ref(m.DatabaseID))
}

// Freeze pauses the container of a session that is behind a gateway and was not
// used for so long. It reports false if it was used, or stopped, since s was read.
//
// The row says frozen before the container is: a request that comes in between
// finds that, and wakes it. Since that may be too early, the row is looked at
// again after the container was paused.
func (m *Manager) Freeze(ctx context.Context, s *Session, unused time.Duration) (bool, error) {
	if won, err := m.Store.Freeze(ctx, s.ID, unused); !won || err != nil {
		return false, err
	}
	step("freezing")
	err := m.Pool.Pause(ctx, s.ref(m.DatabaseID))
	step("frozen")
	now, lookErr := m.Store.ByID(context.WithoutCancel(ctx), s.ID)
	switch {
	case err != nil:
		_, thawErr := m.Store.Unfreeze(context.WithoutCancel(ctx), s.ID)
		return false, errors.Join(err, thawErr)
	case lookErr == nil && !now.Frozen:
		return false, m.Pool.Unpause(context.WithoutCancel(ctx), s.ref(m.DatabaseID))
	case errors.Is(lookErr, ErrNotFound):
		return false, nil
	}
	return true, lookErr
}

// RepairUnresponsive looks at the container of a running session that does not answer. One
// that is paused is woken, whatever the row says; if it is gone, gone is called before
// the session is ended, and [ErrNotFound] returned.
func (m *Manager) RepairUnresponsive(ctx context.Context, s *Session, gone func()) error {
	f, err := m.Pool.Inspect(ctx, s.ref(m.DatabaseID))
	switch {
	case errors.Is(err, hosts.ErrGone):
		gone()
		_, err := m.end(ctx, s)
		return errors.Join(ErrNotFound, err)
	case err == nil && f.Paused:
		return m.wake(ctx, s)
	}
	return err
}
