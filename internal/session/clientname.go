package session

import (
	"context"
	"log/slog"
	"strings"
	"unicode/utf8"

	"wrpdistributor/internal/journal"
)

// maxName is how many characters of the name of an account and a device are said; so many
// fit.
const maxName = 100

// LogValue implements [slog.LogValuer]. The log names a client by its address and the
// begin of its identity, as 192.0.2.1#1a2b3c4d: that tells those behind one address
// apart, and holds nothing that a client sent. Without a User-Agent it is the address.
// One with an account is called by that, as anna/second, and a visitor is visitor
// 192.0.2.1#1a2b3c4d.
func (c Client) LogValue() slog.Value { return slog.StringValue(c.name()) }

func (c Client) name() string {
	switch {
	case c.IP == kindVisitor:
		return visitorName(c.account, c.agent())
	case c.IP == kindAccount:
		return readable(c.UserAgent, maxName)
	case c.UserAgent == "":
		return c.IP
	}
	return clientName(c.IP, c.identity())
}

func visitorName(account, hash string) string {
	return kindVisitor + " " + strings.TrimPrefix(account, visitorsAt) + "#" + hash
}

// ClientName names the session's client, or the one that it had, as [Client.LogValue]
// does. It is empty if there never was one.
func (s *Session) ClientName() string {
	switch {
	case s.Account != "" && s.ClientIP == kindVisitor:
		return visitorName(s.Account, s.UserAgent)
	case s.Account != "":
		return readable(s.UserAgent, maxName)
	case len(s.Identity) > 0:
		return clientName(s.ClientIP, s.Identity)
	case s.ClientIP == "" || !isWhole(s.UserAgent):
		return s.ClientIP
	}
	return Client{IP: s.ClientIP, UserAgent: s.UserAgent}.LogValue().String()
}

// Address is where the session's client comes from, as far as that is known: of accounts it
// is not.
func (s *Session) Address() string {
	switch {
	case s.Account == "":
		return s.ClientIP
	case s.ClientIP == kindVisitor:
		return strings.TrimPrefix(s.Account, visitorsAt)
	}
	return ""
}

// isWhole reports whether what is stored of a User-Agent is all that the client sent.
func isWhole(agent string) bool {
	return !strings.ContainsRune(agent, utf8.RuneError) && utf8.RuneCountInString(agent) < maxAgent
}

func clientName(address string, identity []byte) string {
	return address + "#" + hashOf(identity)
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
	byAccount     = "ended by another client of its account"
	accountClosed = "its account was disabled or removed"
	hostForgotten = "its host was forgotten"
	notNeeded     = "not needed, or too old"
)

// endings returns all of them.
func endings() []string {
	return []string{byClient, clientLeft, byAccount, accountClosed, notUsed, tooOld, byOperator, containerDied, containerGone, startOverdue, evicted, noGateway, notNeeded}
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
