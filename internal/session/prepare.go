package session

import (
	"context"
	"errors"

	"wrpdistributor/internal/hosts"
)

// StartWarm starts a container that waits for a client, and has it draw a page. A
// port that a stranger holds is stepped around. It returns false if enough of the kind are on the host, or it has no room.
func (m *Manager) StartWarm(ctx context.Context, host string, tls bool, enough int) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.alive, cancel)()
	m.starts.Add(1)
	defer m.starts.Done()
	h, err := m.Pool.Host(host)
	if err != nil {
		return false, err
	}
	for {
		s, err := m.Store.Claim(ctx, claim{
			enough: enough, tls: tls, gateway: m.Gateway, token: randomHex(20), nonce: randomHex(16),
			hosts: []hosts.Load{{Host: h.Name, Max: h.Max}}, strategy: hosts.FillHost, startPort: m.StartPort, avoid: m.foreign.on,
		})
		if _, full := errors.AsType[*FullError](err); full || errors.Is(err, errEnough) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if err = m.warmUp(ctx, s); err != nil {
			err = m.rollBackWarmUp(ctx, s, err)
		}
		if !errors.Is(err, hosts.ErrPortTaken) || ctx.Err() != nil {
			return err == nil, err
		}
		m.foreign.add(s.Host, s.Port) // the next port, then
	}
}

func (m *Manager) warmUp(ctx context.Context, s *Session) error {
	ctx, cancel := context.WithTimeout(ctx, m.StartTimeout-dockerMargin)
	defer cancel()
	if err := m.launch(ctx, s); err != nil {
		return err
	}
	if err := m.Pool.WarmUp(ctx, s.spec(m.DatabaseID)); err != nil {
		return err
	}
	failpoint("warmed up")
	return orStopped(m.Store.ConfirmWarm(ctx, s.ID))
}

// rollBackWarmUp undoes a preparation, unless a client has taken it over: then it is
// that client's, and all is well if nothing else was the matter.
func (m *Manager) rollBackWarmUp(ctx context.Context, s *Session, cause error) error {
	ctx = context.WithoutCancel(ctx)
	storing, cancel := context.WithTimeout(ctx, rollbackTimeout)
	defer cancel()
	won, err := m.Store.Stop(storing, s.ID, Warming)
	switch {
	case err != nil:
		return errors.Join(cause, err)
	case won || m.wasStopped(ctx, s):
		return errors.Join(cause, m.rollBack(ctx, s, cause))
	case errors.Is(cause, ErrStopped):
		return nil
	}
	return cause
}
