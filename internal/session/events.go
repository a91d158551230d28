package session

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"wrpdistributor/internal/hosts"
)

// How many lines the events of one host may cause in the log, above debug: one that
// somebody has taken over tells of containers that there are not.
const (
	eventLinesAtOnce = 100
	eventLinesEvery  = time.Second
)

// eventLines says which lines about events are written. The zero value is ready to use. It
// is safe for concurrent use.
type eventLines struct {
	mu   sync.Mutex
	left map[string]*rate.Limiter // by host
}

// level returns at which level a line about an event of a host is written.
func (l *eventLines) level(host string, level slog.Level) slog.Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left == nil {
		l.left = make(map[string]*rate.Limiter)
	}
	if l.left[host] == nil {
		l.left[host] = rate.NewLimiter(rate.Every(eventLinesEvery), eventLinesAtOnce)
	}
	if !l.left[host].Allow() {
		return slog.LevelDebug
	}
	return level
}

// HandleEvent implements [hosts.Watcher]: what a pass of the reaper would correct
// later is corrected at once. Starts under way are left to their starters.
func (m *Manager) HandleEvent(ctx context.Context, e hosts.Event) {
	if e.Action == hosts.Died || e.Action == hosts.Destroyed {
		m.foreign.release(e.Container.ID)
		if m.observer != nil {
			m.observer.Died(e.Container.Session, e.Container.ID)
		}
	}
	s, err := m.store.ByID(ctx, e.Container.Session)
	switch {
	case errors.Is(err, ErrNotFound):
		err = m.handleUnknown(ctx, e)
	case err == nil && s.Host == e.Host && s.ContainerID == e.Container.ID: // a host is asked about its own containers only
		err = m.handleKnown(ctx, s, e.Action)
	}
	if err != nil && ctx.Err() == nil {
		m.log.Log(ctx, m.eventLines.level(e.Host, slog.LevelWarn), "handle container event failed; left to cleanup", "host", e.Host, "container", e.Container.Name, "action", e.Action, "err", err)
	}
}

// handleUnknown removes a container that appears without a session: its start was
// given up before the host created it.
func (m *Manager) handleUnknown(ctx context.Context, e hosts.Event) error {
	if e.Action != hosts.Created && e.Action != hosts.Started {
		return nil
	}
	m.log.Log(ctx, m.eventLines.level(e.Host, slog.LevelInfo), "removing container without session", "host", e.Host, "container", e.Container.Name)
	return m.pool.ForceRemove(ctx, hosts.Ref{Host: e.Host, ID: e.Container.ID, Name: e.Container.Name})
}

// handleKnown stops a session whose container died, and frees the slot of a
// stopping one whose container was removed.
func (m *Manager) handleKnown(ctx context.Context, s *Session, action hosts.Action) error {
	var err error
	switch {
	case (s.State == Running || s.State == Warm) && (action == hosts.Died || action == hosts.Destroyed):
		_, err = m.stop(ctx, s, containerDied)
	case s.State == Stopping && action == hosts.Destroyed:
		_, err = m.store.Delete(ctx, s.ID)
	}
	return err
}

// HandleListing implements [hosts.Watcher]: sessions whose state contradicts the
// listing are repaired, each after an inspect of its own container, since absence
// from a list proves nothing.
func (m *Manager) HandleListing(ctx context.Context, host string, containers []hosts.Container) {
	found := make(map[string]hosts.Container)
	for _, c := range containers {
		found[c.ID] = c
	}
	rows, err := m.store.OnHost(ctx, host)
	if err != nil {
		m.log.WarnContext(ctx, "compare sessions with host failed; left to cleanup", "host", host, "err", err)
		return
	}
	for _, s := range rows {
		if s.startUnderWay() || s.agrees(found[s.ContainerID]) {
			continue
		}
		if _, err := m.Repair(ctx, &s); ignoreUnfinished(err) != nil && ctx.Err() == nil {
			m.log.WarnContext(ctx, "repair session failed; left to cleanup", "session", s.ID, "client", s.ClientName(), "host", host, "err", err)
		}
	}
}

// agrees reports whether c is as the container of a session that is not being
// stopped should be.
func (s *Session) agrees(c hosts.Container) bool {
	return s.State != Stopping && c.Running && (!c.Paused || s.Frozen)
}
