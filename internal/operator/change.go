package operator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"wrpdistributor/internal/session"
)

// Where new sessions are paused, and given again.
const (
	PausePath  = "/v1/admin/pause"
	ResumePath = "/v1/admin/resume"
)

// DrainPath and UndrainPath are where a host is drained, and is no longer.
func DrainPath(host string) string { return HostsPath + "/" + escapeHost(host) + "/drain" }

// UndrainPath is the opposite of [DrainPath].
func UndrainPath(host string) string { return HostsPath + "/" + escapeHost(host) + "/undrain" }

// A Drain is the answer to a host's drain.
type Drain struct {
	Host     string `json:"host"`
	Sessions int    `json:"sessions"` // of clients, that it still has
}

func (o operators) hosts(_ http.ResponseWriter, r *http.Request) (any, error) {
	return Look(r.Context(), o.Sessions)
}

func (o operators) drain(w http.ResponseWriter, r *http.Request) (any, error) {
	why, err := reason(w, r)
	if err != nil {
		return nil, err
	}
	host := r.PathValue("host")
	now, err := o.Sessions.Now(r.Context())
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(now.Hosts, func(st session.HostState) bool { return st.Host.Name == host }) {
		return nil, unknownHost(host, now)
	}
	if err := o.Store.Drain(r.Context(), host, why); err != nil {
		return nil, err
	}
	o.Log.InfoContext(r.Context(), "host drained", "host", host, "reason", why)
	rows, err := o.Store.OnHost(r.Context(), host)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(s session.Session) bool { return s.ClientIP == "" })
	return Drain{host, len(rows)}, nil
}

func unknownHost(host string, now *session.Overview) *Problem {
	var names []string
	for _, st := range now.Hosts {
		names = append(names, st.Host.Name)
	}
	return newProblem(http.StatusNotFound, "unknown-host", fmt.Sprintf("host is not configured: %s; configured are: %s", host, strings.Join(names, " ")))
}

// undrain takes any name: the mark of a host that is not configured any more goes too.
func (o operators) undrain(_ http.ResponseWriter, r *http.Request) (any, error) {
	host := r.PathValue("host")
	was, err := o.Store.Undrain(r.Context(), host)
	if err == nil && !was {
		err = newProblem(http.StatusConflict, "not-drained", host+" is not drained")
	}
	if err == nil {
		o.Log.InfoContext(r.Context(), "host undrained", "host", host)
	}
	return struct {
		Host string `json:"host"`
	}{host}, err
}

func (o operators) pause(w http.ResponseWriter, r *http.Request) (any, error) {
	why, err := reason(w, r)
	if err != nil {
		return nil, err
	}
	if err := o.Store.Pause(r.Context(), why); err != nil {
		return nil, err
	}
	now, err := o.Sessions.Now(r.Context())
	if err != nil {
		return nil, err
	}
	if now.Pause == nil {
		return nil, newProblem(http.StatusConflict, "not-paused", "sessions were resumed at the same time")
	}
	o.Log.InfoContext(r.Context(), "new sessions paused", "reason", now.Pause.Reason)
	return paused(now.Pause), nil
}

func (o operators) resume(_ http.ResponseWriter, r *http.Request) (any, error) {
	was, err := o.Store.Resume(r.Context())
	if err == nil && !was {
		err = newProblem(http.StatusConflict, "not-paused", "new sessions are not paused")
	}
	if err == nil {
		o.Log.InfoContext(r.Context(), "new sessions given again")
	}
	return struct{}{}, err
}
