package session

import (
	"context"
	"encoding/hex"
	"log/slog"
	"strings"
	"unicode/utf8"

	"wrpdistributor/internal/journal"
)

// LogValue implements [slog.LogValuer]. The log names a client by its address and the
// begin of its identity, as 192.0.2.1#1a2b3c4d: that tells those behind one address
// apart, and holds nothing that a client sent. Without a User-Agent it is the address.
func (c Client) LogValue() slog.Value {
	if c.UserAgent == "" {
		return slog.StringValue(c.IP)
	}
	return slog.StringValue(clientName(c.IP, c.identity()))
}

// ClientName names the session's client, or the one that it had, as [Client.LogValue]
// does. It is empty if there never was one.
func (s *Session) ClientName() string {
	switch {
	case len(s.Identity) > 0:
		return clientName(s.ClientIP, s.Identity)
	case s.ClientIP == "" || !isWhole(s.UserAgent):
		return s.ClientIP
	}
	return Client{IP: s.ClientIP, UserAgent: s.UserAgent}.LogValue().String()
}

// isWhole reports whether what is stored of a User-Agent is all that the client sent.
func isWhole(agent string) bool {
	return !strings.ContainsRune(agent, utf8.RuneError) && utf8.RuneCountInString(agent) < maxAgent
}

func clientName(address string, identity []byte) string {
	return address + "#" + hex.EncodeToString(identity[:min(4, len(identity))])
}

// Why sessions are stopped, as the log has it.
const (
	byClient      = "ended by its client"
	clientLeft    = "its client left before it was told"
	notUsed       = "not used"
	byOperator    = "ended by an operator"
	containerDied = "its container died"
	containerGone = "its container is gone"
	startOverdue  = "its start took too long"
	evicted       = "a client needs its slot"
	noGateway     = "it has no gateway any more"
	notNeeded     = "not needed, or too old"
)

// endings returns all of them.
func endings() []string {
	return []string{byClient, clientLeft, notUsed, tooOld, byOperator, containerDied, containerGone, startOverdue, evicted, noGateway, notNeeded}
}

// logStopped says that a session leaves its client, or that a warm container is not
// handed over any more, and why.
func (m *Manager) logStopped(ctx context.Context, s *Session, reason string) {
	m.metrics.ended.WithLabelValues(reason).Inc()
	m.note(ctx, s, journal.Ended{Why: reason, State: string(s.State), Warm: s.ClientIP == "", Began: s.Started.UTC()})
	if s.ClientIP == "" {
		m.log.Info("warm container stopped", "session", s.ID, "host", s.Host, "reason", reason)
		return
	}
	m.log.Info("session stopped", "session", s.ID, "host", s.Host, "client", s.ClientName(), "reason", reason)
}
