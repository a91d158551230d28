package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/session"
)

const maxBody = 64 << 10

// start answers with the address and the token of the client's session.
func (s *Server) start(w http.ResponseWriter, r *http.Request) error {
	client, err := s.client(r)
	if err != nil {
		return err
	}
	tls, err := wantsTLS(w, r)
	if err != nil {
		return err
	}
	sess, fresh, err := s.Sessions.Allocate(r.Context(), client, tls)
	if err != nil {
		return err
	}
	if !fresh {
		s.repeat(w, r, sess)
		return nil
	}
	s.logStarted(r, client, sess)
	s.handOver(w, r, sess)
	return nil
}

func (s *Server) logStarted(r *http.Request, client session.Client, sess *session.Session) {
	s.Log.InfoContext(r.Context(), "session started", "request", requestID(r), "session", sess.ID, "client", client, "host", sess.Host, "port", sess.Port, "tls", sess.TLS)
}

// repeat tells a client of the session that it has. Old clients read no more than
// the status.
func (s *Server) repeat(w http.ResponseWriter, r *http.Request, sess *session.Session) {
	w.Header().Set("X-Wrp-Url", s.address(sess, r))
	if sess.Token != "" {
		w.Header().Set("X-Wrp-Token", sess.Token)
	}
	w.WriteHeader(http.StatusNoContent)
}

// handOver tells a client of its new session.
func (s *Server) handOver(w http.ResponseWriter, r *http.Request, sess *session.Session) {
	write(w, http.StatusAccepted, "text/xml;charset=UTF-8", fmt.Sprintf("<xml><wrpUrl>%s</wrpUrl><token>%s</token></xml>", s.address(sess, r), sess.Token))
	s.stopUnheard(w, r, sess)
}

// stopUnheard stops a new session if its client does not hear the answer.
func (s *Server) stopUnheard(w http.ResponseWriter, r *http.Request, sess *session.Session) {
	if http.NewResponseController(w).Flush() == nil {
		return
	}
	s.Log.InfoContext(r.Context(), "client left; stopping its session", "request", requestID(r), "session", sess.ID, "client", sess.ClientName(), "host", sess.Host)
	if err := s.Sessions.StopUnused(r.Context(), sess); err != nil {
		s.Log.WarnContext(r.Context(), "stop session failed; left to cleanup", "request", requestID(r), "session", sess.ID, "client", sess.ClientName(), "host", sess.Host, "err", err)
	}
}

// extend keeps the client's session alive. Old clients know one answer only.
func (s *Server) touch(w http.ResponseWriter, r *http.Request) error {
	client, err := s.client(r)
	if err != nil {
		return err
	}
	if err := s.Sessions.Touch(r.Context(), client); err != nil && !errors.Is(err, session.ErrNotFound) {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// stop stops the client's session. Stopping twice is fine.
func (s *Server) stop(w http.ResponseWriter, r *http.Request) error {
	client, err := s.client(r)
	if err != nil {
		return err
	}
	err = s.Sessions.Stop(r.Context(), client)
	if errors.Is(err, session.ErrNotFound) {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// wantsTLS reports whether a form or JSON body asks for TLS by ssl=...
func wantsTLS(w http.ResponseWriter, r *http.Request) (bool, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return false, errTooLarge
	}
	if err != nil {
		return false, unread(err)
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		return tlsFromJSON(body)
	}
	form, err := url.ParseQuery(strings.TrimSpace(string(body)))
	if err != nil {
		return false, errBody // err has a piece of the body
	}
	values := form["ssl"]
	if len(values) == 0 {
		return false, nil
	}
	return isTrue(values[len(values)-1]), nil
}

// unread says why a body could not be read, without err itself: it may have a piece of
// the body.
func unread(err error) error {
	for _, known := range []error{io.ErrUnexpectedEOF, os.ErrDeadlineExceeded} {
		if errors.Is(err, known) {
			return fmt.Errorf("%w: %w", errBody, known)
		}
	}
	return errBody
}

func tlsFromJSON(body []byte) (bool, error) {
	if len(body) == 0 {
		return false, nil
	}
	var given struct{ SSL any }
	if json.Unmarshal(body, &given) != nil {
		return false, errBody // its error may have a piece of the body
	}
	switch v := given.SSL.(type) {
	case nil:
		return false, nil
	case map[string]any, []any:
		return false, errBody
	default:
		return isTrue(fmt.Sprint(v)), nil
	}
}

// isTrue reports whether a value means yes, as anything does that does not say no.
func isTrue(value string) bool {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "", "0", "false", "no", "off":
		return false
	}
	return true
}

// address returns where the client finds its WRP.
func (s *Server) address(sess *session.Session, r *http.Request) string {
	if sess.Gateway {
		return s.gatewayAddress(sess, r)
	}
	host := sess.Host
	if h, err := s.Pool.Host(sess.Host); err == nil {
		host = h.Address
	} else if name, _, err := net.SplitHostPort(host); err == nil {
		host = name // of a host that is not configured any more
	}
	if host == "" {
		host = s.reachedAt(r)
	}
	return net.JoinHostPort(host, fmt.Sprint(sess.Port))
}

func (s *Server) gatewayAddress(sess *session.Session, r *http.Request) string {
	address := s.GatewayAddress
	switch {
	case sess.Elsewhere != "":
		address = sess.Elsewhere
	case sess.TLS:
		address = s.GatewayTLSAddress
	}
	if host, port, _ := net.SplitHostPort(address); host == "" && port != "" {
		return net.JoinHostPort(s.reachedAt(r), port)
	}
	return address
}

// reachedAt returns the name by which the client reached this service; a
// container on the same machine is found by it too.
func (s *Server) reachedAt(r *http.Request) string {
	_, host := s.Guard.Origin(r)
	if name := auth.HostOf(host); name != "" {
		return name
	}
	if on := auth.CameInOn(r); on.IsValid() {
		return on.Addr().String()
	}
	return "127.0.0.1"
}
