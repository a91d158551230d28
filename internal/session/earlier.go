package session

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"wrpdistributor/internal/hosts"
)

// A database that was restored from a backup gives ids a second time. Their containers
// may still be there from the first time, called as the new ones are to be: by the same
// database, but of a claim that it does not know of any more. When the backup was made
// is not known; that it was is proven by the first name that is taken.

const (
	// maxTakenNames bounds how many sessions of one client meet a container that has
	// their name.
	maxTakenNames = 10

	// maxSkipped is how many ids containers make us skip at once: a label may say
	// anything, and ids must not be used up.
	maxSkipped = 1 << 20
)

// A highest is the highest number that it was given. It is safe for concurrent use.
type highest struct{ n atomic.Int64 }

func (h *highest) raise(n int64) {
	for now := h.n.Load(); n > now && !h.n.CompareAndSwap(now, n); now = h.n.Load() {
	}
}

// handleTakenName makes the next claim one whose name is free on the host of s, whose own
// was taken. What has waited for clients since before this process is not handed over any
// more: since the backup was made it may have been another client's, who still has its
// token. What was started by now cannot: a database is not restored under a process. So a
// host that invents such containers has no others replaced than those.
func (m *Manager) handleTakenName(ctx context.Context, s *Session) {
	log := m.log.With("session", s.ID, "host", s.Host)
	unknown, err := m.avoidUnknown(ctx, s.Host)
	earlier := 0
	for _, c := range unknown {
		if c.Session >= s.ID && c.Session-s.ID <= maxSkipped {
			earlier++
			m.skipped.raise(c.Session)
		}
	}
	if earlier > 0 {
		log.WarnContext(ctx, "containers of an earlier life of the database found; left to cleanup", "containers", earlier)
		err = m.store.Distrust(ctx, s.ID, time.Since(m.begun)-time.Second) // times in the database have whole seconds
	}
	if err != nil || earlier == 0 {
		log.WarnContext(ctx, "container name taken; trying another", "err", err)
	}
}

// handleTakenPort makes claims avoid the port of s, on which something else was found.
func (m *Manager) handleTakenPort(ctx context.Context, s *Session) {
	unknown, err := m.avoidUnknown(ctx, s.Host)
	if err != nil || !slices.ContainsFunc(unknown, func(c hosts.Container) bool { return c.Port == s.Port }) {
		m.foreign.add(s.Host, s.Port)
	}
}

// avoidUnknown makes claims avoid the ports of containers on a host that no session
// knows, until cleanup has removed them, and returns these containers.
func (m *Manager) avoidUnknown(ctx context.Context, host string) (unknown []hosts.Container, err error) {
	// Listed before the rows are read: what is created in between has a row by then.
	list, _, err := m.pool.List(ctx, host)
	if err != nil {
		return nil, err
	}
	rows, err := m.store.OnHost(ctx, host)
	if err != nil {
		return nil, err
	}
	claims := make(map[string]bool)
	for _, r := range rows {
		claims[r.Nonce] = true
	}
	for _, c := range list {
		if !claims[c.Nonce] {
			unknown = append(unknown, c)
			m.foreign.addUnknown(host, c)
		}
	}
	return unknown, nil
}
