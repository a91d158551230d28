package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/session"
)

const maxUser = 128 // bytes of the name of a backend's user

var (
	errMediaType  = &refusal{http.StatusUnsupportedMediaType, "not-json", "Send the body as JSON, with Content-Type: application/json."}
	errWanted     = &refusal{http.StatusBadRequest, "bad-body", `The body is no JSON object of the kind {"tls": true}, in which a backend names its user.`}
	errUser       = &refusal{http.StatusBadRequest, "bad-user", "A backend names one user, by 1 to 128 bytes of printable text without spaces at its ends."}
	errNotBackend = &refusal{http.StatusForbidden, "not-a-backend", "Only who has the token of backends names users."}
	errNoSession  = &refusal{http.StatusNotFound, "no-session", "There is no session."}
)

// A wanted session is the body of a request for one.
type wanted struct {
	TLS  bool   `json:"tls"`
	User string `json:"user"`
}

// A given session is what its client, or its client's backend, is told of it.
type given struct {
	ID       int64      `json:"id"`
	User     string     `json:"user,omitempty"`
	State    string     `json:"state"`             // starting or running
	Address  string     `json:"address,omitempty"` // with what follows absent while it starts
	URL      string     `json:"url,omitempty"`
	Token    string     `json:"token,omitempty"`
	TLS      bool       `json:"tls"`
	Gateway  bool       `json:"gateway"`
	Started  *time.Time `json:"started,omitempty"`
	LastUsed *time.Time `json:"lastUsed,omitempty"`
	Ends     *time.Time `json:"ends,omitempty"` // at the latest
}

// createSession answers with the session of the client, or of a backend's user, which is
// started if there is none.
func (s *Server) createSession(w http.ResponseWriter, r *http.Request) error {
	want, err := readWanted(w, r)
	if err != nil {
		return err
	}
	client, err := s.whose(r, want.User)
	if err != nil {
		return err
	}
	sess, fresh, err := s.Sessions.Allocate(r.Context(), client, want.TLS)
	if err != nil {
		return err
	}
	g := s.give(r, sess, client)
	g.LastUsed = nil // it is being used
	if !fresh {
		return writeJSON(w, http.StatusOK, g)
	}
	s.logStarted(r, client, sess)
	w.Header().Set("Location", location(client))
	err = writeJSON(w, http.StatusCreated, g)
	s.stopUnheard(w, r, sess)
	return err
}

// showSession tells of the session, and does not count as use.
func (s *Server) showSession(w http.ResponseWriter, r *http.Request) error {
	client, err := s.addressed(r)
	if err != nil {
		return err
	}
	sess, err := s.Sessions.Own(r.Context(), client)
	if err != nil {
		return noSession(err)
	}
	return writeJSON(w, http.StatusOK, s.give(r, sess, client))
}

// keepSession counts as use.
func (s *Server) keepSession(w http.ResponseWriter, r *http.Request) error {
	client, err := s.addressed(r)
	if err != nil {
		return err
	}
	if err := s.Sessions.Touch(r.Context(), client); err != nil {
		return noSession(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// endSession answers when there is no session any more.
func (s *Server) endSession(w http.ResponseWriter, r *http.Request) error {
	client, err := s.addressed(r)
	if err != nil {
		return err
	}
	if err := s.Sessions.Stop(r.Context(), client); err != nil && !errors.Is(err, session.ErrNotFound) {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func noSession(err error) error {
	if errors.Is(err, session.ErrNotFound) {
		return errNoSession
	}
	return err
}

// addressed returns whose session a request without a body is about.
func (s *Server) addressed(r *http.Request) (session.Client, error) {
	users := r.URL.Query()["user"]
	if len(users) > 1 {
		return session.Client{}, errUser
	}
	return s.whose(r, strings.Join(users, ""))
}

// whose returns the client that asks, or the user whom a backend names.
func (s *Server) whose(r *http.Request, user string) (session.Client, error) {
	switch {
	case roleOf(r) == auth.Backend && isName(user):
		return session.BackendUser(user), nil
	case roleOf(r) == auth.Backend:
		return session.Client{}, errUser
	case user != "":
		return session.Client{}, errNotBackend
	}
	return s.client(r)
}

// isName reports whether a text names a user. Of what is no UTF-8, JSON has made
// characters that are the same for all.
func isName(user string) bool {
	return user != "" && len(user) <= maxUser && user == strings.TrimSpace(user) &&
		!strings.ContainsFunc(user, func(c rune) bool { return c == utf8.RuneError || !unicode.IsPrint(c) })
}

// readWanted reads the body, which need not be there.
func readWanted(w http.ResponseWriter, r *http.Request) (wanted, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return wanted{}, errTooLarge
	}
	if err != nil {
		return wanted{}, unread(err)
	}
	if len(body) == 0 {
		return wanted{}, nil
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return wanted{}, errMediaType
	}
	var want *wanted // null is no object
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if d.Decode(&want) != nil || want == nil {
		return wanted{}, errWanted
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return wanted{}, errWanted // something follows
	}
	return *want, nil
}

// give says what the client may know of its session.
func (s *Server) give(r *http.Request, sess *session.Session, c session.Client) given {
	g := given{ID: sess.ID, State: "starting", TLS: sess.TLS, Gateway: sess.Gateway}
	if roleOf(r) == auth.Backend {
		g.User = c.UserAgent
	}
	if sess.State != session.Running {
		return g
	}
	g.State, g.Address, g.Token = "running", s.address(sess, r), sess.Token
	g.URL = (&url.URL{Scheme: "http", Host: g.Address, Path: "/"}).String()
	if sess.TLS {
		g.URL = "https" + strings.TrimPrefix(g.URL, "http")
	}
	started := sess.Started.UTC()
	g.Started = &started
	if sess.LastUsed.Valid {
		used := sess.LastUsed.Time.UTC()
		g.LastUsed = &used
	}
	if s.MaxSessionAge > 0 {
		ends := started.Add(s.MaxSessionAge)
		g.Ends = &ends
	}
	return g
}

// location is where the session of a client is.
func location(c session.Client) string {
	const path = "/v1/session"
	if c != session.BackendUser(c.UserAgent) {
		return path
	}
	return path + "?" + url.Values{"user": {c.UserAgent}}.Encode()
}

// writeJSON answers with a value, which nobody may keep: it may have a token.
func writeJSON(w http.ResponseWriter, code int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	write(w, code, "application/json", string(body)+"\n")
	return nil
}
