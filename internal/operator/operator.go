// Package operator answers operators: over a socket of each process, which whoever may
// open it is one, and, for package httpapi to guard, over HTTP. Commands ask by the
// same package, so that they show what the service sees, and not a look of their own.
package operator

import (
	"context"
	"fmt"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

// HostsPath is where [Hosts] are.
const HostsPath = "/v1/admin/hosts"

// Hosts is how the hosts are doing, in the configured order.
type Hosts struct {
	Hosts  []Host  `json:"hosts"`
	Paused *Paused `json:"paused,omitempty"` // nil: new sessions are not paused
}

// A Host is one of them.
type Host struct {
	Name     string    `json:"host"`
	State    string    `json:"state"` // as package hosts has it
	Since    time.Time `json:"since,omitzero"`
	Takes    bool      `json:"takesSessions"` // up, not drained and not leaving; a full one does when a session ends
	Why      string    `json:"why,omitempty"` // the next session does not get in, in words
	Used     int       `json:"used"`          // slots that the next client cannot have
	Max      int       `json:"max"`
	Stopping int       `json:"stopping"` // of those used, slots whose containers are not proven gone
	Warm     int       `json:"warm"`
	TLS      bool      `json:"tls"`
	NoTLS    string    `json:"noTLS,omitempty"` // why it serves none, in words
	Drained  *Drained  `json:"drained,omitempty"`
	Leaving  bool      `json:"leaving,omitempty"` // configured no more; it takes no new sessions and goes when it has none
	Failing  *Failing  `json:"failing,omitempty"` // nil: the last start succeeded, or there was none
}

// A Drained host was told to take no new sessions.
type Drained struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitempty"`
}

// Failing is starts on a host that failed in a row, in the process that was asked.
type Failing struct {
	Times int       `json:"times"`
	Since time.Time `json:"since"`
	Why   string    `json:"why"` // the last did
}

// String says it without the host's name.
func (f Failing) String() string {
	if f.Times == 1 {
		return fmt.Sprintf("the last start failed, at %s: %s", moment(f.Since), f.Why)
	}
	return fmt.Sprintf("starts fail: %d in a row since %s: %s", f.Times, moment(f.Since), f.Why)
}

// Paused says since when no client gets a new session, and what clients are told.
type Paused struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
}

// TakesSessions reports whether any host does.
func (h Hosts) TakesSessions() bool {
	for _, host := range h.Hosts {
		if host.Takes {
			return true
		}
	}
	return false
}

// Look returns how the hosts are doing as far as s knows. It asks no host.
func Look(ctx context.Context, s Sessions) (Hosts, error) {
	now, err := s.Now(ctx)
	if err != nil {
		return Hosts{}, err
	}
	all := Hosts{Hosts: make([]Host, len(now.Hosts)), Paused: paused(now.Pause)}
	for i, st := range now.Hosts {
		all.Hosts[i] = describe(st)
	}
	return all, nil
}

func describe(st session.HostState) Host {
	h := Host{
		Name: st.Host.Name, State: string(st.State), Since: st.Since.UTC(),
		Takes: takes(st), Leaving: st.Leaving, Why: st.Why,
		Used: st.Used, Max: st.Host.Max, Stopping: st.Stopping, Warm: st.Warm,
		TLS: st.NoTLS == "", NoTLS: st.NoTLS,
	}
	if st.Since.IsZero() {
		h.Since = time.Time{}
	}
	if st.Drained != nil {
		h.Drained = &Drained{Since: st.Drained.Since, Reason: st.Drained.Reason}
	}
	if f := st.Failing; f != nil {
		h.Failing = &Failing{Times: f.Times, Since: f.Since, Why: f.Why}
	}
	return h
}

// takes reports whether a host is up, not drained, and configured still.
func takes(st session.HostState) bool {
	return st.State == hosts.Up && st.Drained == nil && !st.Leaving
}

func paused(p *session.Pause) *Paused {
	if p == nil {
		return nil
	}
	return &Paused{Since: p.Since.UTC(), Reason: p.Reason}
}
