package session

import (
	"context"
	"time"
)

const (
	censusAge   = time.Second
	censusPause = 50 * time.Millisecond
)

// A census is what the database says of all hosts.
type census struct {
	rows    map[string]usage
	drained map[string]Drained
}

func (st *Store) census(ctx context.Context) (c census, err error) {
	if c.rows, err = st.usage(ctx); err == nil {
		c.drained, err = st.Drained(ctx)
	}
	return c, err
}

// recentCensus returns one that began in the last second, after all that this process has
// changed.
func (m *Manager) recentCensus(ctx context.Context) (census, error) {
	l, err := m.census.recent(m.withBudget(ctx), m.working())
	return l.value, err
}

// exactCensus returns one that begins now.
func (m *Manager) exactCensus(ctx context.Context) (census, error) {
	l, err := m.census.exact(m.withBudget(ctx), m.working())
	return l.value, err
}
