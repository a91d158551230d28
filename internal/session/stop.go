package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wrpdistributor/internal/hosts"
)

// Stop ends the client's session. The client is free at once; the slot is,
// when the host confirms that the container is gone. [ErrNotFound] means that
// there is none, hosts.ErrUnreachable that the container waits to be reaped.
func (m *Manager) Stop(ctx context.Context, c Client) error {
	ctx, cancel := m.detach(ctx)
	defer cancel()
	for {
		s, err := m.Store.ByIdentity(ctx, c.identity())
		if err != nil {
			return err
		}
		ended, err := m.end(ctx, s)
		if errors.Is(err, ErrPending) {
			return nil // its starter sees that it is to stop
		}
		if ended || err != nil {
			return err
		}
	}
}

// StopUnused ends a session that could not be handed over, unless its client has
// got it by another request meanwhile.
func (m *Manager) StopUnused(ctx context.Context, s *Session) error {
	ctx, cancel := m.detach(ctx)
	defer cancel()
	if ok, err := m.Store.StopUnused(ctx, s.ID); !ok || err != nil {
		return err
	}
	_, err := m.removeAndDelete(ctx, s)
	return err
}

// StopIdle ends a session that has not been used for so long. It reports false
// if it was used, or stopped, since s was read.
func (m *Manager) StopIdle(ctx context.Context, s *Session, unused time.Duration) (bool, error) {
	if ok, err := m.Store.StopIdle(ctx, s.ID, unused); !ok || err != nil {
		return false, err
	}
	return m.removeAndDelete(ctx, s)
}

// StopSession ends a session on purpose, whoever uses it.
func (m *Manager) StopSession(ctx context.Context, s *Session) (bool, error) {
	if s.State == Stopping {
		return m.removeAndDelete(ctx, s)
	}
	return m.end(ctx, s)
}

// end takes the session from its client and removes the container. False: the
// session is not in the state it was in when s was read.
func (m *Manager) end(ctx context.Context, s *Session) (bool, error) {
	if ok, err := m.Store.Stop(ctx, s.ID, s.State); !ok || err != nil {
		return false, err
	}
	return m.removeAndDelete(ctx, s)
}

// removeAndDelete removes the container of a stopping session, then the row. While the
// container's id is unknown a request for it may still be under way, so that
// its absence proves nothing until the start timeout has passed.
func (m *Manager) removeAndDelete(ctx context.Context, s *Session) (bool, error) {
	if s.ContainerID == "" && !s.Overdue {
		return false, ErrPending
	}
	failpoint("stopping")
	remove := m.Pool.Remove
	if s.ClientIP == "" {
		remove = m.Pool.RemoveNow // nobody has used it
	}
	if m.observer != nil && s.Gateway {
		m.observer.Stopping(ctx, s.ID)
	}
	if err := remove(ctx, s.ref(m.DatabaseID)); err != nil {
		return false, fmt.Errorf("end session %d: %w", s.ID, err)
	}
	failpoint("removed")
	if _, err := m.Store.Delete(ctx, s.ID); err != nil {
		return false, err
	}
	failpoint("deleted")
	return true, nil
}

// Repair compares a session with what its host says, and corrects the table: a
// start that was given up, a container that died, a stop that was not finished.
// It reports whether the session was ended.
func (m *Manager) Repair(ctx context.Context, s *Session) (bool, error) {
	switch s.State {
	case Claimed, Starting, Warming:
		if !s.Overdue {
			return false, nil
		}
		if ok, err := m.Store.StopOverdue(ctx, s.ID); !ok || err != nil {
			return false, err
		}
	case Running, Warm:
		f, err := m.Pool.Inspect(ctx, s.ref(m.DatabaseID))
		if errors.Is(err, hosts.ErrGone) {
			return m.end(ctx, s)
		}
		if err == nil && f.Paused && !s.Frozen {
			err = m.unfreeze(ctx, s) // whoever froze it died before it saw that it was too late
		}
		return false, err
	}
	return m.removeAndDelete(ctx, s)
}
