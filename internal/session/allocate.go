package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/hosts"
)

// A request is one client's want of a container, while it is served.
type request struct {
	*Manager
	client Client
	tls    bool             // of the client
	failed map[string]error // hosts that let this client down
}

// startNew takes what waits for a client, else claims slots until a container
// starts on one: the next port after a taken one, the next host after any other
// failure.
func (m *Manager) startNew(ctx context.Context, c Client, tls bool) (*Session, error) {
	r := &request{Manager: m, client: c, tls: tls, failed: make(map[string]error)}
	m.Pool.AwaitFirstCheck(ctx)
	room := time.Now().Add(evictFor)
	for {
		s, err := r.takeWarm(ctx)
		if errors.Is(err, ErrNotFound) {
			s, err = r.startCold(ctx)
		}
		full, refused := errors.AsType[*FullError](err)
		switch {
		case err == nil:
			return m.announce(ctx, s.ID)
		case refused && full.evictable && time.Now().Before(room):
			if err := r.evict(ctx, full); err != nil {
				return nil, errors.Join(full, err)
			}
		case refused || s == nil || errors.Is(err, ErrStopped) || ctx.Err() != nil:
			return nil, err
		default:
			r.avoid(ctx, s, err)
		}
	}
}

// announce returns a session that has begun to run.
func (m *Manager) announce(ctx context.Context, id int64) (*Session, error) {
	s, err := m.Store.ByID(ctx, id)
	if err == nil && m.observer != nil && s.Gateway {
		m.observer.Started(s)
	}
	return s, err
}

// avoid remembers what went wrong with s, so that the next attempt is another.
func (r *request) avoid(ctx context.Context, s *Session, err error) {
	switch {
	case errors.Is(err, hosts.ErrPortTaken):
		r.foreign.add(s.Host, s.Port)
	case !errors.Is(err, errUnfitWarm):
		r.failed[s.Host] = err
	}
	r.Log.WarnContext(ctx, "start failed, trying elsewhere", "session", s.ID, "host", s.Host, "port", s.Port, "err", err)
}

// startCold starts a container in a slot of its own. With an error it returns the
// session that could not be started, if it got that far.
func (r *request) startCold(ctx context.Context) (*Session, error) {
	loads, full := r.eligible()
	if r.tls && !r.servesTLS() {
		return nil, ErrNoTLS
	}
	s, err := r.Store.Claim(ctx, claim{
		client: &r.client, tls: r.tls, gateway: r.Gateway, token: randomHex(20), nonce: randomHex(16),
		hosts: loads, strategy: r.Strategy, startPort: r.StartPort, isForeign: r.foreign.on,
	})
	if more, ok := errors.AsType[*FullError](err); ok {
		full.Reasons, full.evictable = append(full.Reasons, more.Reasons...), more.evictable
		return nil, full
	}
	if err != nil {
		return nil, err
	}
	return s, r.start(ctx, s)
}

// eligible returns the hosts that can take a container and did not fail this
// client yet, and of the others why not.
func (r *request) eligible() ([]hosts.Load, *FullError) {
	full := &FullError{}
	var loads []hosts.Load
	for _, st := range r.Pool.Status() {
		if why := refusal(st, r.tls && !r.Gateway, r.failed[st.Host.Name]); why != "" {
			full.Reasons = append(full.Reasons, Reason{st.Host.Name, why})
			continue
		}
		loads = append(loads, hosts.Load{Host: st.Host.Name, Max: st.Host.Max})
	}
	return loads, full
}

// servesTLS reports whether anybody could serve a client over TLS.
func (m *Manager) servesTLS() bool {
	if m.Gateway {
		return m.GatewayTLS
	}
	for _, h := range m.Pool.Hosts() {
		if h.TLS != nil {
			return true
		}
	}
	return false
}

// refusal says why a host is not asked, or nothing.
func refusal(st hosts.Status, tls bool, failed error) string {
	switch {
	case failed != nil:
		return failed.Error()
	case st.Reachable && !st.Image:
		return st.Reason
	case st.State != hosts.Up:
		return fmt.Sprintf("down since %s: %s", st.Since.UTC().Format(time.TimeOnly), st.Reason)
	case tls && st.Host.TLS == nil:
		return "no certificate"
	}
	return ""
}

// evict sees to it that nobody is refused because of containers that wait for
// others: it ends one that does not fit, or waits for one that is being ended.
func (r *request) evict(ctx context.Context, full *FullError) error {
	loads, _ := r.eligible()
	list, err := r.Store.Evictable(ctx)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(s Session) bool { return !isAmong(loads, s.Host) })
	if len(list) == 0 {
		return nil // it is gone already
	}
	if slices.ContainsFunc(list, func(s Session) bool { return s.State == Stopping || r.fits(&s) }) {
		return clock.Sleep(ctx, evictPoll)
	}
	r.Log.InfoContext(ctx, "making room: a waiting container of another kind is ended", "session", list[0].ID, "host", list[0].Host, "because", full)
	_, err = r.end(ctx, &list[0])
	return ignoreUnfinished(err)
}
