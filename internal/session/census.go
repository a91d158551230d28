package session

import (
	"context"
	"time"
)

const (
	censusAge   = time.Second
	censusPause = 50 * time.Millisecond
)

// An Overview is the pool's state as clients may see it. It is not to be changed: all who
// ask in one second have the same.
type Overview struct {
	Counts
	Hosts []HostState
	Pause *Pause // nil: new sessions are not paused

	// Cleaned is when the last pass of cleanup ended, of whichever process, by the
	// database's clock; zero: that is not known.
	Cleaned time.Time

	strays int // rows of hosts that are not configured
}

// A census is what the database says of all hosts.
type census struct {
	rows map[string]usage
	closure
	cleaned time.Time
}

func (st *Store) census(ctx context.Context) (c census, err error) {
	if c.rows, err = st.usage(ctx); err == nil {
		c.closure, err = st.closure(ctx)
	}
	if err == nil {
		c.cleaned, err = st.cleaned(ctx)
	}
	return c, err
}

// takeOverview asks the database. No host is asked.
func (m *Manager) takeOverview(ctx context.Context) (*Overview, error) {
	c, err := m.store.census(ctx)
	if err != nil {
		return nil, err
	}
	o := &Overview{Counts: m.counts(c), Hosts: m.hostStates(c), Pause: c.pause, Cleaned: c.cleaned}
	for host, u := range c.rows {
		if _, err := m.pool.Host(host); err != nil {
			o.strays += u.Total
		}
	}
	return o, nil
}

// Overview returns the pool's state of the last second, in which all that this process has
// changed before is seen.
func (m *Manager) Overview(ctx context.Context) (*Overview, error) {
	l, err := m.overview.recent(m.withBudget(ctx), m.working())
	if err != nil {
		return nil, err
	}
	return l.value, nil
}

// Counts returns those of [Manager.Overview].
func (m *Manager) Counts(ctx context.Context) (Counts, error) {
	o, err := m.Overview(ctx)
	if err != nil {
		return Counts{}, err
	}
	return o.Counts, nil
}

// Now is [Manager.Overview] of this moment. Whatever was changed before the call, and by
// whom, is seen.
func (m *Manager) Now(ctx context.Context) (*Overview, error) {
	l, err := m.overview.exact(m.withBudget(ctx), m.working())
	if err != nil {
		return nil, err
	}
	return l.value, nil
}

// HostStates returns the state of every host, in the configured order, as [Manager.Now].
func (m *Manager) HostStates(ctx context.Context) ([]HostState, error) {
	o, err := m.Now(ctx)
	if err != nil {
		return nil, err
	}
	return o.Hosts, nil
}
