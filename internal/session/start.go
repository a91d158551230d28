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
		return m.undo(ctx, s, err)
	}
	return nil
}

// undo rolls back a start for a client, and adds to the error what is to be
// said about it.
func (m *Manager) undo(ctx context.Context, s *Session, err error) error {
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
	err := stopped(m.Store.Confirm(ctx, s.ID))
	step("confirmed")
	return err
}

// launch creates and starts the container and waits until it answers.
func (m *Manager) launch(ctx context.Context, s *Session) error {
	step("claimed")
	if err := m.advance(ctx, s); err != nil {
		return err
	}
	step("starting")
	spec := s.spec(m.DatabaseID)
	id, err := m.Pool.Create(ctx, spec)
	if err != nil {
		return err
	}
	s.ContainerID, spec.ID = id, id
	step("created")
	// Once more: a DELETE may have come while the host created.
	if err := m.advance(ctx, s); err != nil {
		return err
	}
	step("recorded")
	if err := m.Pool.Start(ctx, spec.Ref); err != nil {
		return err
	}
	step("started")
	if err := m.Pool.Ready(ctx, spec); err != nil {
		return err
	}
	step("ready")
	return nil
}

// advance says that the start goes on, unless the session was stopped.
func (m *Manager) advance(ctx context.Context, s *Session) error {
	return stopped(m.Store.Advance(ctx, s.ID, s.ContainerID))
}

func stopped(won bool, err error) error {
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
	step("rolling back")
	err := m.removeFailed(removing, s, cause)
	step("rolled back")
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

// removeFailed returns nil if no container of s is there or can still come.
func (m *Manager) removeFailed(ctx context.Context, s *Session, cause error) error {
	switch {
	case s.ContainerID != "":
		return m.Pool.RemoveNow(ctx, s.ref(m.DatabaseID))
	case errors.Is(cause, hosts.ErrUncertain):
		return ErrPending
	}
	return nil // refused before or by the host: there was none
}
