package operator

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

// SessionsPath is where [SessionList] is. Its query is [Filter.Query].
const SessionsPath = "/v1/admin/sessions"

// SessionPath is where one session is stopped.
func SessionPath(id int64) string { return SessionsPath + "/" + strconv.FormatInt(id, 10) }

// A SessionList is slots that are taken, in the order of their ids.
type SessionList struct {
	Sessions []Session `json:"sessions"`
}

// A Session is one of them. It has no token: that is its client's alone.
type Session struct {
	ID        int64     `json:"id"`
	State     string    `json:"state"`             // as package session has it
	Client    string    `json:"client,omitempty"`  // as the log names it; empty: it waits for one
	Account   string    `json:"account,omitempty"` // whose it is: a name, or @ and an address; empty: the client has none
	UserAgent string    `json:"userAgent,omitempty"`
	Host      string    `json:"host"`
	Port      int       `json:"port"`
	TLS       bool      `json:"tls"`
	Gateway   bool      `json:"gateway"` // clients reach it through a gateway only
	Frozen    bool      `json:"frozen"`
	Started   time.Time `json:"started"`
	LastUsed  time.Time `json:"lastUsed,omitzero"` // missing: not since it started
}

// A Filter chooses sessions. Its zero value takes all.
type Filter struct {
	Client    string        // an address, a name as the log has it, or the hexadecimal end of that
	Account   string        // a name
	Host      string        // as in CONTAINER_HOSTS
	OlderThan time.Duration // since it started
}

// Query is the filter as it is sent.
func (f Filter) Query() url.Values {
	q := make(url.Values)
	if f.Client != "" {
		q.Set("client", f.Client)
	}
	if f.Account != "" {
		q.Set("account", f.Account)
	}
	if f.Host != "" {
		q.Set("host", f.Host)
	}
	if f.OlderThan > 0 {
		q.Set("older-than", f.OlderThan.String())
	}
	return q
}

// parseFilter reads a query. One that nobody reads is refused: it would choose more than
// was meant.
func parseFilter(q url.Values) (f Filter, err error) {
	for name, values := range q {
		switch value := values[len(values)-1]; name {
		case "client":
			f.Client = value
		case "account":
			f.Account = value
		case "host":
			f.Host = value
		case "older-than":
			if f.OlderThan, err = time.ParseDuration(value); err != nil || f.OlderThan < 0 {
				return f, newProblem(http.StatusBadRequest, "bad-request", "older-than is no time such as 90m.")
			}
		default:
			return f, newProblem(http.StatusBadRequest, "bad-request", "Sessions are chosen by client, account, host and older-than.")
		}
	}
	return f, nil
}

// takes reports whether a session is chosen, but for its age.
func (f Filter) takes(s *session.Session) bool {
	return (f.Host == "" || s.Host == f.Host) && (f.Account == "" || s.Account == f.Account) && (f.Client == "" || f.isClient(s))
}

func (f Filter) isClient(s *session.Session) bool {
	name := s.ClientName()
	if addr, err := netip.ParseAddr(f.Client); err == nil {
		return s.Address() == addr.Unmap().WithZone("").String() || name == f.Client
	}
	_, hash, _ := strings.Cut(name, "#")
	return name == f.Client || hash != "" && strings.EqualFold(hash, strings.TrimPrefix(f.Client, "#"))
}

func (o operators) sessions(_ http.ResponseWriter, r *http.Request) (any, error) {
	f, err := parseFilter(r.URL.Query())
	if err != nil {
		return nil, err
	}
	rows, err := o.Store.Begun(r.Context(), f.OlderThan)
	if err != nil {
		return nil, err
	}
	all := SessionList{Sessions: make([]Session, 0, len(rows))}
	for i := range rows {
		if f.takes(&rows[i]) {
			all.Sessions = append(all.Sessions, describeSession(&rows[i]))
		}
	}
	slices.SortFunc(all.Sessions, func(a, b Session) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

func describeSession(s *session.Session) Session {
	out := Session{
		ID: s.ID, State: string(s.State), Client: s.ClientName(), Account: s.Account, Host: s.Host, Port: s.Port,
		TLS: s.TLS, Gateway: s.Gateway, Frozen: s.Frozen, Started: s.Started.UTC(),
	}
	if s.Account == "" { // else it is a name, and said
		out.UserAgent = s.UserAgent
	}
	if s.LastUsed.Valid {
		out.LastUsed = s.LastUsed.Time.UTC()
	}
	return out
}

// stopSession answers with the session as it was, when its container is gone.
func (o operators) stopSession(_ http.ResponseWriter, r *http.Request) (any, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, noSession(r.PathValue("id"))
	}
	s, err := o.Store.ByID(r.Context(), id)
	if errors.Is(err, session.ErrNotFound) {
		return nil, noSession(r.PathValue("id"))
	}
	if err != nil {
		return nil, err
	}
	was := describeSession(s)
	if err := o.StopNow(r.Context(), s); err != nil {
		return nil, stopProblem(s, err)
	}
	return was, nil
}

func noSession(id string) *Problem {
	return newProblem(http.StatusNotFound, "no-such-session", fmt.Sprintf("there is no session %s (any more)", id))
}

// stopProblem says what is left of a session that could not be stopped to its end.
func stopProblem(s *session.Session, err error) error {
	left := fmt.Sprintf("session %d is taken from its client, but ", s.ID)
	switch {
	case errors.Is(err, hosts.ErrUnknownHost):
		return newProblem(http.StatusConflict, "unknown-host", fmt.Sprintf("%shost %s is not configured any more; to give up what it has: cleanup --forget-host %s", left, s.Host, s.Host))
	case errors.Is(err, hosts.ErrUnreachable):
		return newProblem(http.StatusServiceUnavailable, "host-unreachable", fmt.Sprintf("%shost %s does not answer: cleanup removes the container when it does", left, s.Host))
	case errors.Is(err, hosts.ErrUnfinished):
		return newProblem(http.StatusServiceUnavailable, "container-unfinished", fmt.Sprintf("%son %s %v", left, s.Host, hosts.ErrUnfinished))
	}
	return err
}
