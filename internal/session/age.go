package session

import (
	"context"
	"time"

	"wrpdistributor/internal/database"
)

// tooOld is why a session is stopped that ran for as long as one may.
const tooOld = "age"

// old is the condition under which a session has run for some seconds, its argument.
func old(db *database.DB) string {
	return `state = 'running' AND identity IS NOT NULL AND started <= ` + db.SecondsAgo()
}

// Old returns the running sessions that began so long ago, used or not.
func (st *Store) Old(ctx context.Context, age time.Duration) ([]Session, error) {
	return st.find(ctx, old(st.db), seconds(age))
}

// StopOld is [Store.Stop] for a session that began so long ago.
func (st *Store) StopOld(ctx context.Context, s *Session, age time.Duration) (bool, error) {
	return st.end(ctx, s, tooOld, `id = ? AND `+old(st.db), s.ID, seconds(age))
}

// StopOld stops a session that began so long ago, used or not, and reports whether it
// did: not if it was stopped since s was read.
func (m *Manager) StopOld(ctx context.Context, s *Session, age time.Duration) (bool, error) {
	if ok, err := m.store.StopOld(ctx, s, age); !ok || err != nil {
		return false, err
	}
	m.logStopped(ctx, s, tooOld)
	return m.removeAndDelete(ctx, s)
}
