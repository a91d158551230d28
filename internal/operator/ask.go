package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

const (
	answerTimeout = 15 * time.Second // a database that is slow takes most of it
	maxAnswer     = 16 << 20
)

// ErrNobody means that no process answers that could be asked.
var ErrNobody = errors.New("no running distributor answers")

// A Call is one request to the service.
type Call struct {
	Method  string // empty: GET
	Path    string // one of this package's
	Query   url.Values
	Body    any           // sent as JSON; nil: nothing is sent
	Timeout time.Duration // for the answer; 0: the usual

	// Hangs is told of each process that has a control socket and does not answer there, a
	// [HangError]; nil: nobody is.
	Hangs func(error)
}

// Because is the body of calls that say why.
func Because(reason string) any { return withReason{reason} }

// Ask sends a call to the first process that answers at a control socket in folder, and
// reads its answer into what into points to. It returns [ErrNobody] if none does, or none
// that knows such calls, and a [Problem] if what was asked for cannot be. A process that
// says nothing at all is not waited for longer than two seconds.
func Ask(ctx context.Context, folder string, c Call, into any) error {
	for _, g := range greet(ctx, folder) {
		err := <-g.said
		if _, hangs := errors.AsType[*HangError](err); hangs && c.Hangs != nil {
			c.Hangs(err)
		}
		if err == nil {
			err = c.send(ctx, overSocket(g.path), "http://control", "", into)
			if !errors.Is(err, ErrNobody) {
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return ErrNobody
}

func overSocket(path string) http.RoundTripper {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	return &http.Transport{DialContext: dial, DisableKeepAlives: true}
}

// AskTCP is [Ask] for the process that listens on an address, as an operator with that
// token.
func AskTCP(ctx context.Context, listen, token string, c Call, into any) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return err
	}
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		host = "localhost"
	}
	// A transport of its own: the default one asks the environment for a proxy.
	to, base := &http.Transport{DisableKeepAlives: true}, "http://"+net.JoinHostPort(host, port)
	limited, cancel := context.WithTimeout(ctx, helloTimeoutTCP)
	defer cancel()
	if err := exchange(limited, to, base, token); err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", ErrNobody, err)
	}
	return c.send(ctx, to, base, token, into)
}

// AskHandler is [Ask] for a handler of this process.
func AskHandler(ctx context.Context, h http.Handler, c Call, into any) error {
	err := c.send(ctx, inProcess{h}, "http://here", "", into)
	if p, ok := errors.AsType[*Problem](err); ok {
		return p // nobody else answered
	}
	return err
}

func (c Call) send(ctx context.Context, to http.RoundTripper, base, token string, into any) error {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = answerTimeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := c.request(limited, base, token)
	if err != nil {
		return err
	}
	resp, err := to.RoundTrip(req)
	switch {
	case err != nil && ctx.Err() == nil && limited.Err() != nil: // it has given a sign of life
		return fmt.Errorf("the running distributor took longer than %v to answer this: its machine is overloaded, or its database slow; try again", timeout)
	case err != nil && ctx.Err() != nil: // whoever asks does not want it any more, from anybody
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%w: %w", ErrNobody, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("ask the running distributor: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return refusal(resp, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("ask the running distributor: %w", err)
	}
	return nil
}

func (c Call) request(ctx context.Context, base, token string) (*http.Request, error) {
	body := io.Reader(http.NoBody)
	if c.Body != nil {
		text, err := json.Marshal(c.Body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	target := base + c.Path
	if len(c.Query) > 0 {
		target += "?" + c.Query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, target, body)
	if err != nil {
		return nil, err
	}
	if c.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

// refusal is the error of an answer that is none. Whoever does not know such calls is an
// earlier version, has no ADMIN_TOKEN, or is another program: not who was to be asked.
func refusal(resp *http.Response, body []byte) error {
	var p Problem
	isProblem := json.Unmarshal(body, &p) == nil && p.Type != ""
	switch {
	case resp.StatusCode == http.StatusNotFound && (!isProblem || p.Name() == noSuchRoute):
		return ErrNobody
	case !isProblem:
		return fmt.Errorf("the running distributor answers %s", resp.Status)
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden, p.Name() == "unavailable":
		return fmt.Errorf("the running distributor answers %s%s: %w", resp.Status, under(p.Request), &p)
	}
	return &p
}

// under names a request, so that its lines are found in the log.
func under(request string) string {
	if request == "" {
		return ""
	}
	return " (request " + request + ")"
}

// escapeHost makes a host's name, which may have brackets and colons, a part of a path.
func escapeHost(host string) string { return url.PathEscape(host) }

// inProcess sends requests to a handler.
type inProcess struct{ http.Handler }

// RoundTrip implements [http.RoundTripper].
func (h inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &recorder{header: make(http.Header), code: http.StatusOK}
	h.ServeHTTP(w, r)
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.code, http.StatusText(w.code)), StatusCode: w.code,
		Header: w.header, Body: io.NopCloser(&w.body), Request: r,
	}, nil
}

// A recorder keeps an answer.
type recorder struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (w *recorder) WriteHeader(code int) { w.code = code }

// Write implements [http.ResponseWriter].
func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }
