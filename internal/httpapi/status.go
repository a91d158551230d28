package httpapi

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

// status tells how full the pool is. It starts nothing.
func (s *Server) status(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.client(r); err != nil {
		return err
	}
	counts, err := s.Sessions.Counts(r.Context())
	if err != nil {
		return err
	}
	perHost := s.perHost(counts)
	if !wantsJSON(r) {
		write(w, http.StatusOK, "text/html;charset=UTF-8", fragment(counts, len(s.Pool.Hosts()), perHost))
		return nil
	}
	operator, limited := s.operator(w, r)
	if limited {
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusTooManyRequests)
		return nil
	}
	states, err := s.hostStates(r, operator)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"activeSessions":             counts.Sessions,
		"containersRunning":          counts.Containers,
		"remainingContainers":        counts.Remaining,
		"containerHosts":             len(s.Pool.Hosts()),
		"containerHostsWithSessions": perHost,
		"hosts":                      states,
	})
	if err != nil {
		return err
	}
	write(w, http.StatusOK, "application/json", string(body)+"\n")
	return nil
}

// A hostState is one host on the status page.
type hostState struct {
	Host   string `json:"host"`
	Used   int    `json:"used"`
	Max    int    `json:"max"`
	Warm   int    `json:"warm,omitempty"`
	TLS    bool   `json:"tls"`
	Takes  bool   `json:"takesSessions"`
	Why    string `json:"why,omitempty"` // it takes none
	Detail string `json:"detail,omitempty"`
}

// hostStates says of every host whether it takes sessions, and why not. Names,
// and errors that may hold them, are for operators only.
func (s *Server) hostStates(r *http.Request, operator bool) ([]hostState, error) {
	look := s.Sessions.RecentHostStates
	if operator {
		look = s.Sessions.HostStates
	}
	states, err := look(r.Context())
	if err != nil {
		return nil, err
	}
	list := make([]hostState, len(states))
	for i, st := range states {
		h := hostState{Host: s.alias(st.Host.Name), Used: st.Used, Warm: st.Warm, Max: st.Host.Max, TLS: st.NoTLS == "", Takes: st.Why == "", Why: briefly(st)}
		if operator {
			h.Host, h.Detail = st.Host.Name, st.Why
		}
		list[i] = h
	}
	return list, nil
}

// briefly says why a host takes no sessions, without names.
func briefly(st session.HostState) string {
	switch {
	case st.Why == "":
		return ""
	case st.State == hosts.Up && st.Drained != nil:
		return "drained"
	case st.State == hosts.Up:
		return st.Why // full
	case st.State == hosts.Unknown:
		return "not asked yet"
	case st.State == hosts.NoImage:
		return "image missing"
	}
	return "down since " + st.Since.UTC().Format(time.RFC3339)
}

func wantsJSON(r *http.Request) bool {
	return r.URL.Query().Get("format") == "json" || strings.Contains(strings.ToLower(r.Header.Get("Accept")), "application/json")
}

// perHost returns the sessions of every host, under a name that does not tell a
// client which host it is.
func (s *Server) perHost(counts session.Counts) map[string]int {
	m := make(map[string]int)
	for _, h := range s.Pool.Hosts() {
		m[s.alias(h.Name)] = 0
	}
	for host, n := range counts.PerHost {
		m[s.alias(host)] += n
	}
	return m
}

// alias returns what clients know a host by. Each page has all of them.
func (s *Server) alias(host string) string {
	if known, ok := s.aliases.Load(host); ok {
		return known.(string)
	}
	sum := md5.Sum([]byte(host))
	name := hex.EncodeToString(sum[:4])
	s.aliases.Store(host, name)
	return name
}

// fragment returns the PHP program's status page, in the same words.
func fragment(c session.Counts, hosts int, perHost map[string]int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<h1>wrp-distributor status</h1><p>It's alive! Here are some statistics about the current instance:</p>"+
		"<ul><li>Current session count: %d</li><li>Current container count: %d</li><li>Available container hosts: %d</li>"+
		"<li>Container hosts in use:<br><ol>", c.Sessions, c.Containers, hosts)
	for _, name := range slices.Sorted(maps.Keys(perHost)) {
		fmt.Fprintf(&b, "<li>%s: %d sessions running</li>", name, perHost[name])
	}
	fmt.Fprintf(&b, "</ol></li><li>Unused configuration potential / remaining containers: %d</li></ul>", c.Remaining)
	return b.String()
}
