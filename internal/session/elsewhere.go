package session

import "context"

// hasGateway reports whether this process has a gateway for such clients.
func (m *Manager) hasGateway(tls bool) bool { return m.cfg.Gateway && (!tls || m.cfg.GatewayTLS) }

// resumeElsewhere is [Manager.touchAndInspect] for a session that only the gateways of
// other processes serve. Where the gateway was switched off no client could ever reach
// it again: it is stopped when none was seen for long enough.
func (m *Manager) resumeElsewhere(ctx context.Context, c Client, s *Session) (bool, error) {
	g, err := m.store.lastGateway(ctx, m.cfg.Process, s.TLS)
	switch {
	case err != nil:
		return false, err
	case g.Gone:
		_, err := m.stop(ctx, s, noGateway)
		return false, ignoreUnfinished(err)
	case g.Address == "":
		return false, ErrNoGateway
	}
	s.Elsewhere = g.Address
	return m.touchAndInspect(ctx, c, s)
}
