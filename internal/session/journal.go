package session

import (
	"context"
	"errors"
	"strings"
	"time"

	"wrpdistributor/internal/journal"
)

// SetJournal has what happens to sessions be noted. It must be called before anything
// else; without it nothing is.
func (st *Store) SetJournal(w *journal.Writer) { st.journal = w }

// note has the journal say what happened to a session.
func (m *Manager) note(ctx context.Context, s *Session, what journal.What) {
	m.store.journal.Add(ctx, journal.Note{Session: s.ID, Host: s.Host, Client: s.ClientName(), What: what})
}

// note is [Manager.note] for a session that the request's client gets, or does not.
func (r *request) note(ctx context.Context, s *Session, what journal.What) {
	r.store.journal.Add(ctx, journal.Note{Session: s.ID, Host: s.Host, Client: r.client.LogValue().String(), What: what})
}

func (r *request) noteStarted(ctx context.Context, s *Session) {
	after := time.Since(r.began)
	r.metrics.started(s, r.source, after)
	if r.source != hit {
		r.streaks.succeeded(s.Host)
	}
	r.note(ctx, s, journal.Started{Port: s.Port, Warm: r.source != miss, TLS: s.TLS, All: after.Milliseconds(), Took: s.Took})
}

// noteWarmUpFailed says why no container waits. It is about the host: what was made for
// the attempt is gone. One that was called off did not fail.
func (m *Manager) noteWarmUpFailed(ctx context.Context, host string, err error) {
	if err != nil && !errors.Is(err, ErrStopped) && ctx.Err() == nil {
		m.store.journal.Add(ctx, journal.Note{Host: host, What: journal.WarmUpFailed{Why: err.Error()}})
	}
}

// noteOutcome says how a request ended that started nothing, and counts it.
func (m *Manager) noteOutcome(ctx context.Context, c Client, s *Session, fresh bool, err error) {
	name := c.LogValue().String()
	switch {
	case err != nil:
		m.metrics.refused.WithLabelValues(refusalOf(err, m.alive.Err() != nil)).Inc()
		m.store.journal.Add(ctx, journal.Note{Client: name, What: m.refused(err)})
	case !fresh:
		m.metrics.resumed.Inc()
		m.store.journal.Add(ctx, journal.Note{Session: s.ID, Host: s.Host, Client: name, What: journal.Given{Port: s.Port}})
	}
}

// refused says why a client got no session.
func (m *Manager) refused(err error) journal.Refused {
	w := journal.Refused{Why: alike(err.Error()), Retry: int(RetryAfter(err) / time.Second)}
	if m.alive.Err() != nil {
		w.Why = "this process stopped meanwhile: " + w.Why
	}
	if paused, ok := errors.AsType[*PausedError](err); ok {
		w.Why = "new sessions were paused: " + strings.TrimSuffix(paused.Reason, ".")
		return w
	}
	if tooMany, ok := errors.AsType[*TooManyError](err); ok {
		w.Why = tooMany.Error()
		return w
	}
	full, ok := errors.AsType[*FullError](err)
	_, atHost := errors.AsType[*startError](err)
	switch {
	case !ok && !atHost && errors.Is(err, context.DeadlineExceeded):
		w.Why = "the database did not answer in time: " + m.store.db.Reason(context.DeadlineExceeded).Error()
		return w
	case !ok:
		return w
	}
	said := 0
	for _, g := range full.groups() {
		reason := journal.Reason{Host: g.first.Host, More: g.more, Why: g.first.Why}
		if !g.first.Since.IsZero() {
			reason.Since, reason.Why = g.first.Since.UTC(), g.first.Cause
		}
		w.Reasons = append(w.Reasons, reason)
		said += 1 + g.more
	}
	w.Others = len(full.Reasons) - said
	return w
}

// RetryAfter is when a client that [Manager.Allocate] refused may come again; 0: it
// would be refused again.
func RetryAfter(err error) time.Duration {
	_, tooMany := errors.AsType[*TooManyError](err)
	switch {
	case errors.Is(err, ErrNoTLS), tooMany:
		return 0
	case errors.Is(err, ErrStopped):
		return time.Second
	}
	return 30 * time.Second
}

// A stopwatch measures steps.
type stopwatch struct{ last time.Time }

func startStopwatch() *stopwatch { return &stopwatch{time.Now()} }

// lap returns how long the step took that ends now.
func (w *stopwatch) lap() time.Duration {
	now := time.Now()
	defer func() { w.last = now }()
	return now.Sub(w.last)
}
