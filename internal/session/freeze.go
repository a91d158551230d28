package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/journal"
)

// TouchByID records that a running session is used and returns it, its container
// ready to serve: if it was frozen it is unfrozen. It returns [ErrNotFound] if the
// session does not run.
func (m *Manager) TouchByID(ctx context.Context, id int64) (*Session, error) {
	ok, err := m.touches.touch(ctx, touchKey{id: id})
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrNotFound
	}
	s, err := m.store.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	if s.Frozen {
		if err := m.unfreeze(ctx, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// unfreeze changes the container before the row: a client waits for the one, and the
// other has time until the database is back. [Manager.Freeze] looks at the row after
// it paused the container, and unfreeze at the container after it changed the row. So
// if both happen at once, whichever acts on the container last knows of the other.
func (m *Manager) unfreeze(ctx context.Context, s *Session) error {
	if err := m.pool.Unpause(ctx, m.ref(s)); err != nil {
		return err
	}
	changed, err := m.store.Unfreeze(ctx, s.ID)
	if err != nil || !changed {
		return err
	}
	return m.pool.Unpause(ctx, m.ref(s))
}

// Freeze pauses the container of a gateway session that was not used for so long,
// and reports whether it did: not if the session was used, or stopped, since s was
// read.
//
// The row says frozen before the container is paused: a request that comes in
// between finds that, and unfreezes it. Since that may be too early, the row is
// looked at again after the container was paused.
func (m *Manager) Freeze(ctx context.Context, s *Session, unused time.Duration) (bool, error) {
	if ok, err := m.store.Freeze(ctx, s.ID, unused); !ok || err != nil {
		return false, err
	}
	err := m.pool.Pause(ctx, m.ref(s))
	ctx = context.WithoutCancel(ctx) // what was begun is finished
	if err != nil {
		_, unfreezeErr := m.store.Unfreeze(ctx, s.ID)
		return false, errors.Join(err, unfreezeErr)
	}
	now, err := m.store.ByID(ctx, s.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err == nil && !now.Frozen:
		return false, m.pool.Unpause(ctx, m.ref(s))
	}
	m.note(ctx, s, journal.Frozen{Unused: unused.Milliseconds()})
	return true, err
}

// ConfirmRuns returns nil if the container of a running session runs, [ErrNotFound]
// if not. If the host does not say, the session's row decides; another error means
// that neither could be asked.
//
// A port is no proof: once its container is gone, anybody may listen on it, and the
// next session does.
func (m *Manager) ConfirmRuns(ctx context.Context, s *Session) error {
	inspecting, cancel := context.WithTimeout(ctx, m.limits.inspect)
	defer cancel()
	_, err := m.Inspect(inspecting, s)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, hosts.ErrGone):
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	now, rowErr := m.store.ByID(ctx, s.ID)
	switch {
	case rowErr != nil:
		return errors.Join(rowErr, err)
	case now.State != Running || now.ContainerID != s.ContainerID:
		return ErrNotFound
	}
	return nil
}

// RepairUnresponsive looks at the container of a running session that does not
// answer. One that is paused is unfrozen, whatever the row says. If it is gone,
// gone is called, then the session is stopped, and the error is [ErrNotFound].
func (m *Manager) RepairUnresponsive(ctx context.Context, s *Session, gone func()) error {
	f, err := m.Inspect(ctx, s)
	switch {
	case errors.Is(err, hosts.ErrGone):
		gone()
		_, err := m.stop(ctx, s, containerGone)
		return errors.Join(ErrNotFound, err)
	case err == nil && f.Paused:
		return m.unfreeze(ctx, s)
	}
	return err
}
