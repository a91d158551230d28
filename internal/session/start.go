package session

import (
	"context"
	"errors"
	"fmt"

	"wrpdistributor/internal/hosts"
)

// start runs the container of a claimed session. If that fails, nothing is left
// of either, or the row says what may be left.
func (m *Manager) start(ctx context.Context, s *Session) error {
	if err := m.startContainer(ctx, s); err != nil {
		return m.rollBackStart(ctx, s, err)
	}
	return nil
}

// rollBackStart rolls back a start for a client, and adds to the error what is to be
// said about it.
func (m *Manager) rollBackStart(ctx context.Context, s *Session, err error) error {
	if m.wasStopped(ctx, s) {
		err = fmt.Errorf("%w: %w", ErrStopped, err) // its container may have been taken from under the start
	}
	return errors.Join(err, m.rollBack(ctx, s, err))
}

// wasStopped reports whether someone else ended the session.
func (m *Manager) wasStopped(ctx context.Context, s *Session) bool {
	now, err := m.Store.ByID(context.WithoutCancel(ctx), s.ID)
	return errors.Is(err, ErrNotFound) || err == nil && now.State == Stopping
}

func (m *Manager) startContainer(ctx context.Context, s *Session) error {
	ctx, cancel := context.WithTimeout(ctx, m.StartTimeout-dockerMargin)
	defer cancel()
	if err := m.launch(ctx, s); err != nil {
		return err
	}
	err := orStopped(m.Store.Confirm(ctx, s.ID))
	failpoint("confirmed")
	return err
}

// launch creates and starts the container and waits until it answers.
func (m *Manager) launch(ctx context.Context, s *Session) error {
	failpoint("claimed")
	if err := m.markStarting(ctx, s); err != nil {
		return err
	}
	failpoint("starting")
	spec := s.spec(m.DatabaseID)
	id, err := m.Pool.Create(ctx, spec)
	if err != nil {
		return err
	}
	s.ContainerID, spec.ID = id, id
	failpoint("created")
	// Once more: a DELETE may have come while the host created.
	if err := m.markStarting(ctx, s); err != nil {
		return err
	}
	failpoint("recorded")
	if err := m.Pool.Start(ctx, spec.Ref); err != nil {
		return err
	}
	failpoint("started")
	if err := m.Pool.Ready(ctx, spec); err != nil {
		return err
	}
	failpoint("ready")
	return nil
}

// markStarting says that the start goes on, unless the session was stopped.
func (m *Manager) markStarting(ctx context.Context, s *Session) error {
	return orStopped(m.Store.MarkStarting(ctx, s.ID, s.ContainerID))
}

func orStopped(won bool, err error) error {
	if err == nil && !won {
		return ErrStopped
	}
	return err
}

// rollBack undoes a start. The row goes only if the container is proven absent;
// else it stays, as stopping, for the reaper.
func (m *Manager) rollBack(ctx context.Context, s *Session, cause error) error {
	ctx = context.WithoutCancel(ctx)
	removing, cancel := context.WithTimeout(ctx, rollbackTimeout)
	defer cancel()
	failpoint("rolling back")
	err := m.ensureRemoved(removing, s, cause)
	failpoint("rolled back")
	ctx, cancel = context.WithTimeout(ctx, rollbackTimeout)
	defer cancel()
	if err == nil {
		_, err = m.Store.Delete(ctx, s.ID)
	}
	if err == nil {
		return nil
	}
	_, stopErr := m.Store.Stop(ctx, s.ID, Starting)
	return fmt.Errorf("roll back session %d, left to cleanup: %w", s.ID, errors.Join(err, stopErr))
}

// ensureRemoved returns nil if no container of s is there or can still come.
func (m *Manager) ensureRemoved(ctx context.Context, s *Session, cause error) error {
	switch {
	case s.ContainerID != "":
		return m.Pool.RemoveNow(ctx, s.ref(m.DatabaseID))
	case errors.Is(cause, hosts.ErrUncertain):
		return ErrPending
	}
	return nil // refused before or by the host: there was none
}
