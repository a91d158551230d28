package session

import (
	"context"
	"log/slog"
	"time"
)

// SetPatient makes a manager wait for ever, or as in production, for what may not
// come.
func (m *Manager) SetPatient(patient bool) {
	m.limits = defaultLimits()
	if patient {
		m.limits = limits{time.Hour, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour}
	}
}

// SetDatabaseLimit replaces how long a request may wait for the database.
func (m *Manager) SetDatabaseLimit(d time.Duration) { m.limits.database = d }

// ErrBudget is what a request ends with that has waited for so long.
var ErrBudget = errBudget

// SetCreationLimit replaces how long a client waits for the container of a warm-up
// that it took over.
func (m *Manager) SetCreationLimit(d time.Duration) { m.limits.creation = d }

// WithBudget and Ask are what bounds a request's statements.
var (
	WithBudget = withBudget
	Ask        = ask
)

// SetCensusAge replaces how old what clients are told of the pool may be.
func (m *Manager) SetCensusAge(d time.Duration) { m.overview.age = d }

// SetWaitingAge replaces how old what is known of containers that wait may be.
func (m *Manager) SetWaitingAge(d time.Duration) { m.waiting.age = d }

// LastWaiting returns the last look at what waits.
func (m *Manager) LastWaiting() any { return m.waiting.last }

// NextCensus returns the one that is taken for whoever asks now.
func (m *Manager) NextCensus() any { return m.overview.join(m.working()) }

// LookUpClients is the statement by which touches find the sessions of clients.
const LookUpClients = lookUpClients

// SetLog replaces where a manager logs to.
func (m *Manager) SetLog(l *slog.Logger) { m.log = l }

// Allocating returns how many clients have requests that are under way.
func (m *Manager) Allocating() int {
	m.allocations.mu.Lock()
	defer m.allocations.mu.Unlock()
	return len(m.allocations.list)
}

// Queued returns how many touches wait in how many batches that are not begun.
func (m *Manager) Queued() (batches, keys int) {
	m.touches.mu.Lock()
	defer m.touches.mu.Unlock()
	for _, b := range m.touches.queue {
		keys += len(b.keys)
	}
	return len(m.touches.queue), keys
}

// TouchClients touches the sessions of several clients at once, as the managers do, and
// returns how many of them run.
func (st *Store) TouchClients(ctx context.Context, identities [][]byte) (n int, err error) {
	keys := make(map[touchKey]bool)
	for _, identity := range identities {
		keys[touchKey{identity: string(identity)}] = false
	}
	err = st.touchTogether(ctx, keys)
	for _, runs := range keys {
		if runs {
			n++
		}
	}
	return n, err
}
