// Package operator answers operators: over a socket of each process, which whoever may
// open it is one, and, for package httpapi to guard, over HTTP. Commands ask by the
// same package, so that they show what the service sees, and not a look of their own.
package operator

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

// HostsPath is where [Hosts] are.
const HostsPath = "/v1/admin/hosts"

// Hosts is how the hosts are doing, in the configured order.
type Hosts struct {
	Hosts []Host `json:"hosts"`
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
}

// A Drained host was told to take no new sessions.
type Drained struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitempty"`
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

// Sessions is what is asked. [session.Manager] is one.
type Sessions interface {
	HostStates(ctx context.Context) ([]session.HostState, error)
}

// Look returns how the hosts are doing as far as s knows. It asks no host.
func Look(ctx context.Context, s Sessions) (Hosts, error) {
	states, err := s.HostStates(ctx)
	if err != nil {
		return Hosts{}, err
	}
	all := Hosts{Hosts: make([]Host, len(states))}
	for i, st := range states {
		h := Host{
			Name: st.Host.Name, State: string(st.State), Since: st.Since.UTC(),
			Takes: st.State == hosts.Up && st.Drained == nil && !st.Leaving, Leaving: st.Leaving, Why: st.Why,
			Used: st.Used, Max: st.Host.Max, Stopping: st.Stopping, Warm: st.Warm,
			TLS: st.NoTLS == "", NoTLS: st.NoTLS,
		}
		if st.Since.IsZero() {
			h.Since = time.Time{}
		}
		if st.Drained != nil {
			h.Drained = &Drained{Since: st.Drained.Since, Reason: st.Drained.Reason}
		}
		all.Hosts[i] = h
	}
	return all, nil
}

// Handler answers whoever gets to it, at [HostsPath].
func Handler(s Sessions, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+HostsPath, func(w http.ResponseWriter, r *http.Request) {
		all, err := Look(r.Context(), s)
		if err != nil {
			log.WarnContext(r.Context(), "operator request failed", "err", err)
			WriteProblem(w, http.StatusServiceUnavailable, "unavailable", "The database does not answer.")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(all) // who left is not waiting for it
	})
	return mux
}

// A problem is what an operator is told instead of an answer (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// WriteProblem answers that something is wrong: by a name for programs, and a sentence
// for people.
func WriteProblem(w http.ResponseWriter, code int, name, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(problem{"urn:wrp-distributor:problem:" + name, http.StatusText(code), code, detail})
}
