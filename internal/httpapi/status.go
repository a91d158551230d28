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

// pages is what clients are told of one overview.
type pages struct {
	of         *session.Overview
	html, json string
}

// status tells how full the pool is. It starts nothing.
func (s *Server) status(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.client(r); err != nil {
		return err
	}
	if !wantsJSON(r) {
		p, err := s.pages(r)
		if err == nil {
			write(w, http.StatusOK, "text/html;charset=UTF-8", p.html)
		}
		return err
	}
	operator, limited := s.operator(w, r)
	if limited {
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusTooManyRequests)
		return nil
	}
	look := s.statusForClients
	if operator {
		look = s.statusForOperators
	}
	body, err := look(r)
	if err == nil {
		write(w, http.StatusOK, "application/json", body)
	}
	return err
}

// pages returns what all clients are told who ask in the same second.
func (s *Server) pages(r *http.Request) (*pages, error) {
	now, err := s.Sessions.Overview(r.Context())
	if err != nil {
		return nil, err
	}
	if p := s.lastPages.Load(); p != nil && p.of == now {
		return p, nil
	}
	perHost := s.perHost(now.Counts)
	p := &pages{of: now, html: fragment(now.Counts, len(s.Pool.Hosts()), perHost)}
	if p.json, err = s.statusJSON(now, false); err != nil {
		return nil, err
	}
	s.lastPages.Store(p)
	return p, nil
}

func (s *Server) statusForClients(r *http.Request) (string, error) {
	p, err := s.pages(r)
	if err != nil {
		return "", err
	}
	return p.json, nil
}

// statusForOperators tells what stands now: whoever drains a host and then looks has to
// see it.
func (s *Server) statusForOperators(r *http.Request) (string, error) {
	now, err := s.Sessions.Now(r.Context())
	if err != nil {
		return "", err
	}
	return s.statusJSON(now, true)
}

func (s *Server) statusJSON(now *session.Overview, operator bool) (string, error) {
	status := map[string]any{
		"activeSessions":             now.Sessions,
		"containersRunning":          now.Containers,
		"remainingContainers":        now.Remaining,
		"containerHosts":             len(s.Pool.Hosts()),
		"containerHostsWithSessions": s.perHost(now.Counts),
		"hosts":                      hostStates(now.Hosts, operator),
	}
	if now.Pause != nil {
		status["paused"] = now.Pause.Reason
	}
	body, err := json.Marshal(status)
	return string(body) + "\n", err
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
func hostStates(states []session.HostState, operator bool) []hostState {
	list := make([]hostState, len(states))
	for i, st := range states {
		h := hostState{Host: alias(st.Host.Name), Used: st.Used, Warm: st.Warm, Max: st.Host.Max, TLS: st.NoTLS == "", Takes: st.Why == "", Why: briefly(st)}
		if operator {
			h.Host, h.Detail = st.Host.Name, st.Why
		}
		list[i] = h
	}
	return list
}

// briefly says why a host takes no sessions, without names.
func briefly(st session.HostState) string {
	switch {
	case st.Why == "":
		return ""
	case st.Leaving:
		return "leaving"
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
		m[alias(h.Name)] = 0
	}
	for host, n := range counts.PerHost {
		m[alias(host)] += n
	}
	return m
}

func alias(host string) string {
	sum := md5.Sum([]byte(host))
	return hex.EncodeToString(sum[:4])
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
