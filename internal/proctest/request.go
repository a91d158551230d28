package proctest

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// A Request is what clients send. Empty fields are left out.
type Request struct {
	Method string
	URL    string
	Path   string // instead of the URL's, sent as it is; one that begins with // is sent as an address
	Token  string
	Agent  string // User-Agent
	Client string // X-Forwarded-For, as a proxy sets it
	Header http.Header
	Form   url.Values // sent as the body
}

// An Answer is what came of it.
type Answer struct {
	Code   int
	Header http.Header
	Body   string
}

// Do sends a request as old clients do, over a connection of its own: so nothing
// is sent a second time by the library. It follows no redirect.
func Do(ctx context.Context, r Request) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, r.body())
	if err != nil {
		return Answer{}, err
	}
	maps.Copy(req.Header, r.Header)
	if r.Form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if r.Path != "" {
		req.URL = &url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host, Opaque: r.Path}
	}
	if r.Token != "" {
		req.Header.Set("Bearer", r.Token)
	}
	if r.Client != "" {
		req.Header.Set("X-Forwarded-For", r.Client)
	}
	req.Header.Set("User-Agent", r.Agent)
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("cut off after %s: %w", resp.Status, err)
	}
	return Answer{resp.StatusCode, resp.Header, string(body)}, nil
}

func (r Request) body() io.Reader {
	if r.Form == nil {
		return http.NoBody
	}
	return strings.NewReader(r.Form.Encode())
}

// A Session is what a PUT hands over.
type Session struct {
	URL   string `xml:"wrpUrl"`
	Token string `xml:"token"`
}

// Session reads what a PUT hands over.
func (a Answer) Session() (s Session, err error) {
	err = xml.Unmarshal([]byte(a.Body), &s)
	return s, err
}
