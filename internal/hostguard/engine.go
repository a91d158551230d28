package hostguard

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	engineBuffer = 4 << 10 // of a connection to the engine, each way
	keptConns    = 16      // to the engine, that no request uses
)

// An engine is asked what orders say.
type engine struct{ transport *http.Transport }

func newEngine(socket string) *engine {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		nc, err := d.DialContext(ctx, "unix", socket)
		if err != nil {
			return nil, undialled{err}
		}
		return nc, nil
	}
	return &engine{&http.Transport{
		DialContext: dial, DisableCompression: true, MaxIdleConnsPerHost: keptConns, IdleConnTimeout: idleTime,
		ReadBufferSize: engineBuffer, WriteBufferSize: engineBuffer,
	}}
}

// An undialled engine was sent nothing.
type undialled struct{ error }

// Unwrap returns why.
func (e undialled) Unwrap() error { return e.error }

// path returns what the engine is asked for, of the container with that id if there is one.
func (o *order) path(id string) string {
	p := o.before + id + o.after
	if o.minor != 0 {
		p = fmt.Sprintf("/v1.%d%s", o.minor, p)
	}
	return p
}

// do sends the order, and returns the engine's answer as it begins.
func (e *engine) do(ctx context.Context, o *order, id string) (*http.Response, error) {
	target := &url.URL{Scheme: "http", Host: "docker", Path: o.path(id), RawQuery: o.query.Encode()}
	var body io.Reader = http.NoBody
	if o.body != nil {
		text, err := json.Marshal(o.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, o.method, target.String(), body)
	if err != nil {
		return nil, err
	}
	if o.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("User-Agent", "wrp-hostguard")
	return e.transport.RoundTrip(r)
}

// maxInspected bounds what an engine says of one container.
const maxInspected = 1 << 20

// A found container is what has to be known of one.
type found struct {
	ID     string
	Config struct{ Labels map[string]string }
}

// find returns the container that an engine finds under a name or an id.
func (e *engine) find(ctx context.Context, minor int, ref string) (c found, answer *http.Response, err error) {
	resp, err := e.do(ctx, &order{method: http.MethodGet, minor: minor, before: "/containers/", after: "/json"}, ref)
	if err != nil || resp.StatusCode != http.StatusOK {
		return c, resp, err
	}
	defer resp.Body.Close()
	err = json.NewDecoder(io.LimitReader(resp.Body, maxInspected)).Decode(&c)
	if err == nil && !idForm.MatchString(c.ID) {
		err = errNoID
	}
	return c, nil, err
}

// A listed container is what has to be known of one in a list.
type listed struct {
	Names  []string
	Labels map[string]string
}

// isOneOf reports whether it has one of these names.
func (c listed) isOneOf(names map[string]bool) bool {
	return slices.ContainsFunc(c.Names, func(name string) bool { return names[strings.TrimPrefix(name, "/")] })
}

// list calls do for each container of a distributor's, one after the other: together they may
// be much. An answer that is no list is returned.
func (e *engine) list(ctx context.Context, minor int, do func(listed)) (answer *http.Response, err error) {
	filters, err := json.Marshal((&filter{}).values(""))
	if err != nil {
		return nil, err
	}
	query := url.Values{"all": {"1"}, "filters": {string(filters)}}
	resp, err := e.do(ctx, &order{method: http.MethodGet, minor: minor, before: "/containers/json", query: query}, "")
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	_, err = dec.Token() // the list's beginning
	for err == nil && dec.More() {
		var c listed
		if err = dec.Decode(&c); err == nil {
			do(c)
		}
	}
	if err == nil {
		_, err = dec.Token() // its end: half a list would be too few
	}
	return nil, err
}
