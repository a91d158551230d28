package session

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/journal"
)

// Counts is the pool's state as clients may see it.
type Counts struct {
	Sessions   int            // rows with a client
	Containers int            // running, for a client or waiting for one
	Remaining  int            // sessions that could still be had, on hosts that take any: what waits, or will, is for who comes
	PerHost    map[string]int // sessions of each host that has any
}

func (m *Manager) counts(now census) Counts {
	c := Counts{PerHost: make(map[string]int)}
	for host, u := range now.rows {
		c.Sessions += u.Clients
		c.Containers += u.Running + u.Warm
		if u.Clients > 0 {
			c.PerHost[host] = u.Clients
		}
	}
	for _, st := range m.pool.Status() {
		c.Remaining += now.free(st)
	}
	return c
}

// free is how many sessions could still be had on a host. Who comes gets what waits, and
// what is being warmed up too.
func (c census) free(st hosts.Status) int {
	if _, isDrained := c.drained[st.Host.Name]; isDrained || refuses(st) {
		return 0
	}
	u := c.rows[st.Host.Name]
	return max(0, st.Host.Max-u.Total) + u.Warm + u.Warming
}

// refuses reports whether a host is known to take no sessions, full or not. One that
// nobody has asked yet is asked by the first who needs it.
func refuses(st hosts.Status) bool {
	return st.Leaving || st.State != hosts.Unknown && refusal(st, false, nil) != ""
}

// usage is how many rows a host has.
type usage struct {
	Total    int
	Clients  int // those that have one
	Running  int
	Stopping int
	Warm     int
	Warming  int
}

// inUse is how many slots the next client cannot have: what waits for a client is
// taken, or evicted.
func (u usage) inUse() int { return u.Total - u.Warm - u.Warming }

func (st *Store) usage(ctx context.Context) (map[string]usage, error) {
	var rows []struct {
		Host  string `db:"containerHost"`
		State State  `db:"state"`
		N     int    `db:"n"`
	}
	err := ask(ctx, func(ctx context.Context) error {
		return st.db.SelectContext(ctx, &rows, `SELECT state, containerHost, COUNT(*) AS n FROM sessions GROUP BY state, containerHost`)
	})
	if err != nil {
		return nil, fmt.Errorf("count sessions: %w", err)
	}
	m := make(map[string]usage)
	for _, r := range rows {
		u := m[r.Host]
		u.add(r.State, r.N)
		m[r.Host] = u
	}
	return m, nil
}

func (u *usage) add(s State, n int) {
	u.Total += n
	switch s {
	case Warm:
		u.Warm += n
	case Warming:
		u.Warming += n
	case Stopping:
		u.Stopping += n
	case Running:
		u.Running += n
	}
	if s == Claimed || s == Starting || s == Running {
		u.Clients += n
	}
}

// A HostState says whether a host takes sessions, and if not why.
type HostState struct {
	hosts.Status
	Used     int      // slots that the next client cannot have
	Warm     int      // containers that wait for a client
	Free     int      // sessions that could still be had
	Stopping int      // of those, slots whose containers are not proven gone yet
	Drained  *Drained // nil: the host is not drained
	Why      string   // the host takes no session now; empty: it takes one
	Failing  *Streak  // of starts that failed on it; nil: the last succeeded, or there was none

	rows usage
}

func (m *Manager) hostStates(now census) []HostState {
	var list []HostState
	for _, st := range m.pool.Status() {
		u := now.rows[st.Host.Name]
		s := HostState{Status: st, Used: u.inUse(), Warm: u.Warm, Free: now.free(st), Stopping: u.Stopping, Failing: m.streaks.of(st.Host.Name), rows: u}
		if d, ok := now.drained[st.Host.Name]; ok {
			s.Drained = &d
		}
		load := hosts.Load{Host: st.Host.Name, Used: s.Used, Max: st.Host.Max}
		s.Why = cmp.Or(refusal(st, false, nil), occupied(load, now.drained))
		list = append(list, s)
	}
	return list
}

// A Drained host takes no new sessions, and keeps its own until they are stopped.
type Drained struct {
	Host   string    `db:"containerHost"`
	Since  time.Time `db:"drainedAt"`
	Reason string    `db:"reason"`
}

// Drain makes a host take no new sessions. Draining twice keeps the first time,
// and the last reason, or the beginning of it.
func (st *Store) Drain(ctx context.Context, host, reason string) error {
	reason = readable(reason, maxReason)
	err := database.InTx(ctx, st.db, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO hosts (containerHost, drainedAt, reason) VALUES (?, `+st.db.Now()+`, ?)`, host, reason)
		if database.IsDuplicate(err) {
			_, err = tx.ExecContext(ctx, `UPDATE hosts SET reason = ? WHERE containerHost = ?`, reason, host)
		}
		return err
	})
	st.changes.Add(1)
	if err != nil {
		return fmt.Errorf("drain host %s: %w", host, err)
	}
	st.journal.Add(ctx, journal.Note{Host: host, What: journal.Drained{Reason: reason}})
	return nil
}

// Undrain makes a host take sessions again, and reports whether it was drained.
func (st *Store) Undrain(ctx context.Context, host string) (bool, error) {
	defer st.arrivals.Add(1)
	was, err := st.change(ctx, `DELETE FROM hosts WHERE containerHost = ?`, host)
	if was {
		st.journal.Add(ctx, journal.Note{Host: host, What: journal.Undrained{}})
	}
	return was, err
}

// Drained returns the hosts that are drained, by name.
func (st *Store) Drained(ctx context.Context) (map[string]Drained, error) {
	c, err := st.closure(ctx)
	return c.drained, err
}

func (d Drained) why() string {
	if d.Reason == "" {
		return "drained"
	}
	return "drained: " + d.Reason
}
