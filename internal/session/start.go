package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
)

// A startError says which session a client did not get, and why. Its start is
// rolled back, or left to the reaper.
type startError struct {
	session *Session
	cause   error
}

// Error names the session and says why.
func (e *startError) Error() string {
	return fmt.Sprintf("start session %d on %s:%d: %v", e.session.ID, e.session.Host, e.session.Port, e.cause)
}

// Unwrap returns why.
func (e *startError) Unwrap() error { return e.cause }

// start runs the container of a claimed session for its client, for which it takes most
// at the most.
func (m *Manager) start(ctx context.Context, s *Session, most time.Duration) error {
	if err := m.inStartTime(ctx, s, most, func(ctx context.Context) error { return m.launch(ctx, s) }); err != nil {
		return err
	}
	err := orStopped(m.confirm(ctx, s))
	failpoint("confirmed")
	return err
}

func (m *Manager) confirm(ctx context.Context, s *Session) (bool, error) {
	return m.store.surely(ctx, s.ID, Running, func() (bool, error) { return m.store.Confirm(ctx, s.ID) })
}

// launch creates and starts the container and waits until it answers.
func (m *Manager) launch(ctx context.Context, s *Session) error {
	failpoint("claimed")
	if err := m.markStarting(ctx, s); err != nil {
		return err
	}
	failpoint("starting")
	watch := startStopwatch()
	id, err := m.pool.Create(ctx, m.spec(s))
	if err != nil {
		return err
	}
	s.ContainerID, s.Took.Create = id, watch.lap()
	failpoint("created")
	// Once more: the session may have been stopped while the host created.
	if err := m.markStarting(ctx, s); err != nil {
		if errors.Is(err, errIDTaken) {
			s.ContainerID = "" // which is another session's, and stays
		}
		return err
	}
	failpoint("recorded")
	watch.lap() // of the database: no step
	if err := m.pool.Start(ctx, m.ref(s)); err != nil {
		return err
	}
	s.Took.Start = watch.lap()
	failpoint("started")
	if err := m.awaitReady(ctx, s); err != nil {
		return err
	}
	s.Took.Ready = watch.lap()
	failpoint("ready")
	return nil
}

// awaitReady waits until the container answers. Why one ended by itself is logged; one that
// was taken away since its session was stopped did nothing wrong.
func (m *Manager) awaitReady(ctx context.Context, s *Session) error {
	err := m.pool.Ready(ctx, m.spec(s))
	switch {
	case !errors.Is(err, hosts.ErrGone):
		return err
	case m.wasStopped(ctx, s):
		m.log.InfoContext(ctx, "start called off", "session", s.ID, "host", s.Host)
		return ErrStopped
	}
	m.pool.ReportEnd(ctx, m.spec(s))
	return err
}

// markStarting records that the start goes on, and as which container.
func (m *Manager) markStarting(ctx context.Context, s *Session) error {
	return orStopped(m.store.MarkStarting(ctx, s.ID, s.ContainerID))
}

// orStopped turns the outcome of a change that a starter makes into an error: if
// it was not made, the session was stopped.
func orStopped(changed bool, err error) error {
	if err == nil && !changed {
		return ErrStopped
	}
	return err
}

// rollBackStart rolls back the start of a client's session, and returns what is to be
// said about it as a startError. What may have been confirmed is left as it is until the
// database says whether it was.
func (m *Manager) rollBackStart(ctx context.Context, s *Session, cause error) error {
	again := func(ctx context.Context) error {
		_, err := m.rollBack(ctx, s, cause)
		return err
	}
	if errors.Is(cause, database.ErrUncertain) {
		m.settleLater(s, again)
		return &startError{session: s, cause: cause}
	}
	stopped := m.wasStopped(ctx, s)
	if stopped {
		// Whoever stopped it may have removed the container, which is why the start failed.
		cause = becauseStopped(cause)
	}
	stoppedSince, err := m.rollBack(ctx, s, cause)
	if errors.Is(err, errUnsettled) {
		m.settleLater(s, again)
	}
	if stoppedSince {
		cause = becauseStopped(cause)
	}
	m.startFailed(s, cause)
	return &startError{session: s, cause: errors.Join(cause, err)}
}

func becauseStopped(cause error) error {
	if errors.Is(cause, ErrStopped) {
		return cause
	}
	return fmt.Errorf("%w: %w", ErrStopped, cause)
}

// wasStopped reports whether the session is being stopped, or is gone.
func (m *Manager) wasStopped(ctx context.Context, s *Session) bool {
	now, err := m.store.ByID(context.WithoutCancel(ctx), s.ID)
	return errors.Is(err, ErrNotFound) || err == nil && now.State == Stopping
}

// rollBack rolls back a start that failed with cause, even if ctx has ended. The row is
// deleted only if the container is proven absent; else it stays, as stopping, for
// the reaper. It reports whether somebody else had stopped the session before.
func (m *Manager) rollBack(ctx context.Context, s *Session, cause error) (stopped bool, err error) {
	ctx = m.withBudget(context.WithoutCancel(ctx)) // what failed may have used up the request's
	failpoint("rolling back")
	err = m.ensureRemoved(ctx, s, cause)
	failpoint("rolled back")
	ctx, cancel := context.WithTimeout(ctx, m.limits.rollback)
	defer cancel()
	if err == nil {
		if stopped, err = m.store.Abandon(ctx, s.ID); err == nil {
			return stopped, nil
		}
	}
	ours, stopErr := m.store.Stop(ctx, s.ID, Starting)
	if stopErr != nil {
		return false, fmt.Errorf("roll back session %d, left for later: %w: %w", s.ID, errUnsettled, errors.Join(err, stopErr))
	}
	return !ours && m.wasStopped(ctx, s), fmt.Errorf("roll back session %d, left to cleanup: %w", s.ID, err)
}

// ensureRemoved returns nil if there is no container of s, and none can come into
// being any more. The start of s failed with cause.
func (m *Manager) ensureRemoved(ctx context.Context, s *Session, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, m.limits.rollback)
	defer cancel()
	switch {
	case s.ContainerID != "":
		return m.pool.ForceRemove(ctx, m.ref(s))
	case errors.Is(cause, hosts.ErrUncertain):
		return ErrPending
	}
	return nil // no host was asked to create it, or one refused to, or gave another one's id
}
