package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/journal"
)

const creationPoll = 20 * time.Millisecond

// errUnfitWarm means that a warm container turned out to be of no use, which says
// nothing against its host.
var errUnfitWarm = errors.New("warm container cannot be handed over")

// takeWarm gives the client one of the containers that wait for one, or else one
// that is about to. It returns [ErrNotFound] if there is none.
func (r *request) takeWarm(ctx context.Context) (*Session, error) {
	for {
		s, err := r.pickWarm(ctx)
		if err != nil {
			return nil, err
		}
		before := s.State
		won, err := r.store.Take(ctx, s, r.client, r.tls)
		r.takings.end(s.ID)
		if err != nil {
			return nil, err
		}
		if !won {
			// Another process was faster, or it is being stopped.
			r.log.DebugContext(ctx, "warm container was taken by another", "session", s.ID, "host", s.Host, "client", r.client)
			r.lookAgain, r.lost = true, true
			continue
		}
		failpoint("taken")
		s.State, s.TLS = Starting, r.tls
		if r.source = joined; before == Warm {
			r.source = hit
		}
		r.note(ctx, s, journal.Taken{Ready: before == Warm})
		if err := r.unlessCalledOff(func() error { return r.handOver(ctx, s, before) }); err != nil {
			return nil, r.rollBackStart(ctx, s, err)
		}
		return s, nil
	}
}

// fits reports whether a warm container serves the client as a new one would. Through
// a gateway each kind does: it is the gateway that speaks TLS.
func (r *request) fits(s *Session) bool {
	if !r.IsCurrent(s) {
		return false
	}
	if r.cfg.Gateway {
		return s.Gateway && (!r.tls || r.cfg.GatewayTLS)
	}
	return !s.Gateway && s.TLS == r.tls
}

// IsCurrent reports whether a container that waits for a client is as a new one would
// be made now. One of which that is not known is not.
func (m *Manager) IsCurrent(s *Session) bool {
	return s.Settings != "" && s.Settings == m.pool.Settings(m.spec(s))
}

// handOver makes sure that a container which was taken serves, and confirms it.
// One that was still being warmed up is waited for, but not its first page.
func (r *request) handOver(ctx context.Context, s *Session, before State) error {
	check := r.joinWarmUp
	if before == Warm {
		check = r.probe
	}
	watch := startStopwatch()
	if err := check(ctx, s); err != nil {
		return err
	}
	s.Took.Ready = watch.lap()
	return orStopped(r.confirm(ctx, s))
}

// probe returns an error if a warm container does not answer.
func (r *request) probe(ctx context.Context, s *Session) error {
	ctx, cancel := context.WithTimeout(ctx, r.limits.probe)
	defer cancel()
	err := r.pool.Probe(ctx, r.spec(s))
	if err != nil && !errors.Is(err, hosts.ErrUnreachable) {
		err = fmt.Errorf("%w: %w", errUnfitWarm, err)
	}
	return err
}

// joinWarmUp goes on with a container that another goroutine, maybe of
// another process, is warming up. Both may start it: the second does no harm.
func (r *request) joinWarmUp(ctx context.Context, s *Session) error {
	return r.inStartTime(ctx, s, r.dockerTime(), func(ctx context.Context) error {
		if err := r.awaitCreation(ctx, s); err != nil {
			// The other may still create it: that it is not there now proves nothing.
			return fmt.Errorf("%w: %w", err, hosts.ErrUncertain)
		}
		if err := r.pool.Start(ctx, r.ref(s)); err != nil {
			return err
		}
		return r.awaitReady(ctx, s)
	})
}

// awaitCreation waits until the container of s is created by whoever warms it up.
func (r *request) awaitCreation(ctx context.Context, s *Session) error {
	for begun := time.Now(); s.ContainerID == ""; {
		if time.Since(begun) > r.limits.creation {
			return fmt.Errorf("%w: it was not created", errUnfitWarm)
		}
		if err := clock.Sleep(ctx, creationPoll); err != nil {
			return err
		}
		now, err := r.store.ByID(ctx, s.ID)
		if errors.Is(err, ErrNotFound) {
			return ErrStopped
		}
		if err != nil {
			return err
		}
		s.ContainerID = now.ContainerID
		if now.State != Starting {
			return ErrStopped
		}
	}
	return nil
}

// StartWarm starts a container that waits for a client, and has it draw a page. If
// a foreign process holds its port it takes another. It reports whether it started
// one: not if enough of the kind are on the host, or the host has no room.
func (m *Manager) StartWarm(ctx context.Context, host string, tls bool, enough int) (bool, error) {
	ctx, cancel := m.untilClosed(ctx)
	defer cancel()
	m.starts.Add(1)
	defer m.starts.Done()
	defer m.starters.begin()()
	h, err := m.pool.Host(host)
	if err != nil {
		return false, err
	}
	if st, err := m.pool.StatusOf(host); err != nil || st.Leaving {
		return false, err
	}
	for taken := 0; ; {
		s, err := m.store.Claim(ctx, m.newWarmClaim(h, tls, enough))
		if _, full := errors.AsType[*FullError](err); full || errors.Is(err, errEnough) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		err = m.tryWarmUp(ctx, s)
		m.warmedUp(s, err)
		switch {
		case ctx.Err() != nil:
			return err == nil, err
		case errors.Is(err, hosts.ErrPortTaken):
			m.handleTakenPort(ctx, s)
		case errors.Is(err, hosts.ErrNameTaken) && taken < maxTakenNames:
			taken++
			m.handleTakenName(ctx, s)
		default:
			m.noteWarmUpFailed(ctx, host, err)
			return err == nil, err
		}
	}
}

// newWarmClaim returns a claim for a slot on a host, for a client still to come.
func (m *Manager) newWarmClaim(h hosts.Host, tls bool, enough int) claim {
	c := m.newClaim(tls, []hosts.Load{{Host: h.Name, Max: h.Max}})
	c.enough = enough
	c.settings = m.pool.Settings(hosts.Spec{Ref: hosts.Ref{Host: h.Name}, TLS: tls && !m.cfg.Gateway, Gateway: m.cfg.Gateway})
	return c
}

// tryWarmUp warms a container up, or rolls that back: later, if the database is away.
func (m *Manager) tryWarmUp(ctx context.Context, s *Session) error {
	cause := m.warmUp(ctx, s)
	if cause == nil {
		return nil
	}
	err := m.rollBackWarmUp(ctx, s, cause)
	if errors.Is(err, errUnsettled) {
		m.settleLater(s, func(ctx context.Context) error { return m.rollBackWarmUp(ctx, s, cause) })
	}
	return err
}

func (m *Manager) warmUp(ctx context.Context, s *Session) error {
	var settings string
	began := time.Now()
	err := m.inStartTime(ctx, s, maxStretch*m.dockerTime(), func(ctx context.Context) (err error) {
		if err := m.launch(ctx, s); err != nil {
			return err
		}
		if err := m.pool.WarmUp(ctx, m.spec(s)); err != nil {
			return err
		}
		failpoint("warmed up")
		settings, err = m.pool.SettingsOf(ctx, m.spec(s))
		return err
	})
	if err != nil {
		return err
	}
	err = orStopped(m.store.surely(ctx, s.ID, Warm, func() (bool, error) { return m.store.ConfirmWarm(ctx, s.ID, settings) }))
	if err == nil {
		m.note(ctx, s, journal.WarmedUp{Port: s.Port, TLS: s.TLS, All: time.Since(began).Milliseconds(), Took: s.Took})
	}
	return err
}

// rollBackWarmUp rolls back a warm-up that failed with cause, and returns the error to
// be reported. If a client has taken the container over, only that client's
// request may roll anything back, and having lost the container is no error.
func (m *Manager) rollBackWarmUp(ctx context.Context, s *Session, cause error) error {
	ctx = context.WithoutCancel(ctx)
	storing, cancel := context.WithTimeout(ctx, m.limits.rollback)
	defer cancel()
	stopped, err := m.store.Stop(storing, s.ID, Warming)
	switch {
	case err != nil:
		return errors.Join(cause, fmt.Errorf("%w: %w", errUnsettled, err))
	case stopped || m.wasStopped(ctx, s):
		_, err := m.rollBack(ctx, s, cause)
		return errors.Join(cause, err)
	case errors.Is(cause, ErrStopped):
		return nil
	}
	return cause
}
