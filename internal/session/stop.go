package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wrpdistributor/internal/hosts"
)

// Stop stops the client's session. The client is free at once; the slot is,
// when the host confirms that the container is gone. [ErrNotFound] means that
// there is none, [hosts.ErrUnreachable] that the container is left to the reaper.
// What the client asked for before, and has not got, ends with [ErrStopped].
func (m *Manager) Stop(ctx context.Context, c Client) error {
	ctx, cancel := m.untilClosed(m.withBudget(context.WithoutCancel(ctx)))
	defer cancel()
	m.allocations.callOff(c) // before they can see that it is gone
	for {
		s, err := m.store.ByIdentity(ctx, c.identity())
		if err != nil {
			return err
		}
		stopped, err := m.stop(ctx, s, byClient)
		if errors.Is(err, ErrPending) || errors.Is(err, hosts.ErrUnfinished) {
			return nil // its starter finds it stopped, and rolls back; or the reaper goes on
		}
		if stopped || err != nil {
			return err
		}
	}
}

// StopUnused stops a session whose client could not be told of it, unless the
// client has got it by another request meanwhile.
func (m *Manager) StopUnused(ctx context.Context, s *Session) error {
	ctx, cancel := m.untilClosed(m.withBudget(context.WithoutCancel(ctx)))
	defer cancel()
	ok, err := m.store.surely(ctx, s.ID, Stopping, func() (bool, error) { return m.store.StopUnused(ctx, s.ID) })
	if !ok || err != nil {
		return err
	}
	m.logStopped(ctx, s, clientLeft)
	_, err = m.removeAndDelete(ctx, s)
	return err
}

// StopIdle stops a session that has not been used for so long, and reports whether
// it did: not if the session was used, or stopped, since s was read.
func (m *Manager) StopIdle(ctx context.Context, s *Session, unused time.Duration) (bool, error) {
	if ok, err := m.store.StopIdle(ctx, s, unused); !ok || err != nil {
		return false, err
	}
	m.logStopped(ctx, s, notUsed)
	return m.removeAndDelete(ctx, s)
}

// StopSession stops a session, whoever uses it, and reports whether it did: not if
// the session changed its state since s was read. A stop that was begun before is
// finished.
func (m *Manager) StopSession(ctx context.Context, s *Session) (bool, error) {
	if s.ClientIP == "" {
		return m.stop(ctx, s, notNeeded)
	}
	return m.stop(ctx, s, byOperator)
}

// stop is [Manager.StopSession] for a reason, which is logged.
func (m *Manager) stop(ctx context.Context, s *Session, reason string) (bool, error) {
	if s.State != Stopping {
		if ok, err := m.setStopping(ctx, s, reason); !ok || err != nil {
			return false, err
		}
	}
	return m.removeAndDelete(ctx, s)
}

// setStopping takes a session from its client for a reason, and reports whether it did:
// not if the session changed its state since s was read.
func (m *Manager) setStopping(ctx context.Context, s *Session, reason string) (bool, error) {
	ok, err := m.store.surely(ctx, s.ID, Stopping, func() (bool, error) {
		return m.store.end(ctx, s, reason, `id = ? AND state = ?`, s.ID, s.State)
	})
	if ok && err == nil {
		m.logStopped(ctx, s, reason)
	}
	return ok, err
}

// Inspect returns the session's container, or [hosts.ErrGone] if its host says
// that it is not there or does not run.
func (m *Manager) Inspect(ctx context.Context, s *Session) (hosts.Container, error) {
	return m.pool.Inspect(ctx, m.ref(s))
}

// Repair compares a session with what its host says, and corrects the row: a
// start that was given up, a container that died, a stop that was not finished.
// It reports whether the session was stopped and its slot is free.
func (m *Manager) Repair(ctx context.Context, s *Session) (bool, error) {
	switch {
	case s.State == Running || s.State == Warm:
		return m.repairRunning(ctx, s)
	case s.startUnderWay() && !s.Overdue:
		return false, nil
	case s.startUnderWay():
		if ok, err := m.store.StopOverdue(ctx, s.ID); !ok || err != nil {
			return false, err
		}
		m.logStopped(ctx, s, startOverdue)
	}
	return m.removeAndDelete(ctx, s)
}

// repairRunning stops a session whose container is gone. A container that is
// paused while the row does not say so is unfrozen: a process died after it had
// frozen the container, and before it saw that this was too late.
func (m *Manager) repairRunning(ctx context.Context, s *Session) (bool, error) {
	f, err := m.Inspect(ctx, s)
	switch {
	case errors.Is(err, hosts.ErrGone):
		return m.stop(ctx, s, containerGone)
	case err == nil && f.Paused && !s.Frozen:
		err = m.unfreeze(ctx, s)
	}
	return false, err
}

// removeAndDelete removes the container of a stopping session, then the row. While
// the container's id is unknown a request for it may still be under way, so that
// its absence proves nothing until the start timeout has passed ([ErrPending]).
func (m *Manager) removeAndDelete(ctx context.Context, s *Session) (bool, error) {
	if s.ContainerID == "" && !s.Overdue {
		return false, ErrPending
	}
	failpoint("stopping")
	remove := m.pool.Remove
	if s.ClientIP == "" {
		remove = m.pool.ForceRemove // it never had a client
	}
	if m.observer != nil && s.Gateway {
		m.observer.Stopping(ctx, s.ID)
	}
	if err := remove(ctx, m.ref(s)); err != nil {
		return false, fmt.Errorf("stop session %d: %w", s.ID, err)
	}
	failpoint("removed")
	if _, err := m.store.Delete(ctx, s.ID); err != nil {
		return false, err
	}
	failpoint("deleted")
	return true, nil
}
