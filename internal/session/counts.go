package session

import (
	"context"
	"fmt"
)

// Counts is the pool's state as clients may see it.
type Counts struct {
	Sessions   int            // rows with a client
	Containers int            // running
	Remaining  int            // containers that could still be started
	PerHost    map[string]int // sessions of each host that has any
}

// Counts returns the pool's state.
func (m *Manager) Counts(ctx context.Context) (Counts, error) {
	var rows []struct {
		Host    string `db:"containerHost"`
		Total   int    `db:"total"`
		Clients int    `db:"clients"`
		Running int    `db:"running"`
	}
	err := m.Store.db.SelectContext(ctx, &rows, `
		SELECT containerHost, COUNT(*) AS total, COUNT(identity) AS clients,
			SUM(CASE WHEN state = 'running' THEN 1 ELSE 0 END) AS running
		FROM sessions GROUP BY containerHost`)
	if err != nil {
		return Counts{}, fmt.Errorf("count sessions: %w", err)
	}
	c := Counts{PerHost: make(map[string]int)}
	total := make(map[string]int)
	for _, r := range rows {
		c.Sessions += r.Clients
		c.Containers += r.Running
		total[r.Host] = r.Total
		if r.Clients > 0 {
			c.PerHost[r.Host] = r.Clients
		}
	}
	for _, h := range m.Pool.Hosts() {
		c.Remaining += max(0, h.Max-total[h.Name])
	}
	return c, nil
}
