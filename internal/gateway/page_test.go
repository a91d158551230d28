package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/session"
)

// html2 is a page that the browsers of 1994 know what to do with: ASCII, and a few
// elements of HTML 2.0.
var html2 = regexp.MustCompile(`^<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2\.0//EN">
<html><head><title>[\x20-\x3b\x3d-\x7e]+</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head><body>
<h1>[\x20-\x3b\x3d-\x7e]+</h1>(?:[\n\x20-\x3b\x3d-\x7e]|</?(?:p|a|form|input)(?: [a-z]+="[\x20\x21\x23-\x3b\x3d\x3f-\x7e]+")*>)+
</body></html>
$`)

// TestPagesAreForOldBrowsers: those of the gateway itself. Mosaic takes a type with a
// charset for one that it does not know, and offers to save the page.
func TestPagesAreForOldBrowsers(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{})
	s := allocate(t, b.Kit, amiga)
	gone := allocate(t, b.Kit, session.Client{IP: "192.0.2.3", UserAgent: "x"})
	must(t, b.Sessions.Stop(t.Context(), session.Client{IP: "192.0.2.3", UserAgent: "x"}))
	other := allocate(t, b.Kit, session.Client{IP: "192.0.2.2", UserAgent: "x"})
	check := func(what string, resp *http.Response, body string, code int) {
		t.Helper()
		wants(t, what, resp.StatusCode, code)
		if !html2.MatchString(body) {
			t.Errorf("%s: page %q", what, body)
		}
		if kind := resp.Header.Get("Content-Type"); kind != "text/html" || resp.ContentLength != int64(len(body)) {
			t.Errorf("%s: type %q, length %d, but %d bytes", what, kind, resp.ContentLength, len(body))
		}
	}
	for _, tt := range []struct {
		request string
		code    int
	}{
		{"GET a:b HTTP/1.0", 400},
		{"GET http://elsewhere.example/ HTTP/1.0", 400},
		{"GET / HTTP/1.0", 401},
		{"GET /shutdown/ HTTP/1.0\r\nBearer: " + s.Token, 403},
		{"CONNECT / HTTP/1.0\r\nBearer: " + s.Token, 405},
		{"GET / HTTP/1.0\r\nBearer: " + gone.Token, 410},
		{"GET /s/" + s.Token + "/ HTTP/1.0\r\nHost: x'y&z", 302},
		{"GET /s/" + other.Token + "/ HTTP/1.0\r\nCookie: " + cookieName + "=" + s.Token, 200},
	} {
		nc, r := b.raw(t, tt.request+"\r\n\r\n")
		resp, err := http.ReadResponse(r, nil)
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		nc.Close()
		check(tt.request, resp, string(body), tt.code)
	}
	early := httptest.NewRecorder()
	gateway.Waiting(early, nil)
	check("no database yet", early.Result(), early.Body.String(), 503)
	if early.Result().Header.Get("Retry-After") == "" {
		t.Error("no database yet: it is not said when to try again")
	}
}

// TestAnnouncementsAreForNobody: old clients would take them for the answer. What they carry,
// such as a cookie, would go past all that looks at answers.
func TestAnnouncementsAreForNobody(t *testing.T) {
	t.Parallel()
	b, s := newUpstream(t, options{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</x.css>; rel=preload")
		w.Header().Set("Set-Cookie", cookieName+"=x")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		w.Header().Del("Link")
		fmt.Fprint(w, "page")
	})
	for _, version := range []string{"1.0", "1.1"} {
		_, r := b.raw(t, "GET / HTTP/"+version+"\r\nHost: x\r\nConnection: close\r\nBearer: "+s.Token+"\r\n\r\n")
		resp, err := http.ReadResponse(r, nil)
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		if resp.StatusCode != 200 || string(body) != "page" || resp.Header.Get("Link") != "" || resp.Header.Get("Set-Cookie") != "" {
			t.Errorf("HTTP/%s: %s, %v, %q", version, resp.Status, resp.Header, body)
		}
	}
}
