package session

import "context"

// Own returns the client's session, which may still be starting, or [ErrNotFound]. It
// asks no host, and is no use of the session. [ErrNoGateway] means that the session runs
// and that it is not known where the client reaches it.
func (m *Manager) Own(ctx context.Context, c Client) (*Session, error) {
	ctx = m.withBudget(ctx)
	s, err := m.store.ByIdentity(ctx, c.identity())
	if err != nil || s.State != Running || !s.Gateway || m.hasGateway(s.TLS) {
		return s, err
	}
	g, err := m.store.lastGateway(ctx, m.cfg.Process, s.TLS)
	if err == nil && g.Address == "" {
		err = ErrNoGateway
	}
	s.Elsewhere = g.Address
	return s, err
}

// ServesTLS reports whether clients that want TLS can be served at all.
func (m *Manager) ServesTLS() bool { return m.servesTLS() }
