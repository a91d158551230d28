package session

import (
	"context"
	"errors"

	"wrpdistributor/internal/hosts"
)

// HandleEvent implements [hosts.Watcher]: what a pass of the reaper would correct
// later is corrected at once. Starts under way are left to their starters.
func (m *Manager) HandleEvent(ctx context.Context, e hosts.Event) {
	s, err := m.Store.ByID(ctx, e.Container.Session)
	switch {
	case errors.Is(err, ErrNotFound):
		err = m.handleUnknown(ctx, e)
	case err == nil && s.ContainerID == e.Container.ID:
		err = m.handleKnown(ctx, s, e.Action)
	}
	if err != nil && ctx.Err() == nil {
		m.Log.WarnContext(ctx, "an event is left to cleanup", "host", e.Host, "container", e.Container.Name, "action", e.Action, "err", err)
	}
}

// handleUnknown removes a container that has no row: its start was given up
// before the host got round to it.
func (m *Manager) handleUnknown(ctx context.Context, e hosts.Event) error {
	if e.Action != hosts.Created && e.Action != hosts.Started {
		return nil
	}
	m.Log.InfoContext(ctx, "removing a container that came too late", "host", e.Host, "container", e.Container.Name)
	return m.Pool.RemoveNow(ctx, hosts.Ref{Host: e.Host, ID: e.Container.ID, Name: e.Container.Name})
}

func (m *Manager) handleKnown(ctx context.Context, s *Session, action hosts.Action) error {
	var err error
	switch {
	case (s.State == Running || s.State == Warm) && (action == hosts.Died || action == hosts.Destroyed):
		m.Log.InfoContext(ctx, "container ended by itself", "session", s.ID, "host", s.Host, "client", s.ClientIP)
		_, err = m.end(ctx, s)
	case s.State == Stopping && action == hosts.Destroyed:
		_, err = m.Store.Delete(ctx, s.ID)
	}
	return err
}

// HandleListing implements [hosts.Watcher]: sessions whose containers are not in the
// list are looked at one by one, absence from a list proves nothing.
func (m *Manager) HandleListing(ctx context.Context, host string, containers []hosts.Found) {
	found := make(map[string]hosts.Found)
	for _, c := range containers {
		found[c.ID] = c
	}
	rows, err := m.Store.OnHost(ctx, host)
	if err != nil {
		m.Log.WarnContext(ctx, "sessions are not compared with their host", "host", host, "err", err)
		return
	}
	for _, s := range rows {
		c := found[s.ContainerID]
		isWell := c.Running && (!c.Paused || s.Frozen)
		if s.State == Starting || s.State == Claimed || s.State == Warming || s.State != Stopping && isWell {
			continue
		}
		if _, err := m.Repair(ctx, &s); ignoreUnfinished(err) != nil && ctx.Err() == nil {
			m.Log.WarnContext(ctx, "a session is left to cleanup", "session", s.ID, "host", host, "err", err)
		}
	}
}
