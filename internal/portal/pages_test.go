package portal

import (
	"bytes"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/pages anew")

// maxPage is what a page may have, over a slow modem.
const maxPage = 4 << 10

// html2 is a page that the browsers of 1994 know what to do with: ASCII, and a few elements
// of HTML 2.0. Phones of today are told that it is narrow: else they show it as on a screen
// of 980 points, too small to be read.
var html2 = regexp.MustCompile(`^<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2\.0//EN">
<html><head><title>[\x20-\x3b\x3d-\x7e]+</title>
<meta name="viewport" content="width=device-width, initial-scale=1">(?:
<meta http-equiv="Refresh" content="\d+">)?</head><body>
<h1>[\x20-\x3b\x3d-\x7e]+</h1>
(?:[\n\x20-\x3b\x3d-\x7e]|</?(?:p|a|h2|strong|code|form|input)(?: [a-z]+="[\x20\x21\x23-\x3b\x3d\x3f-\x7e]*")*>)+
</body></html>
$`)

// canned are views with all that a page can say, and with as little, by the golden file.
func canned() map[string]view {
	start := form{Action: "/~/start", Label: "Start another one", To: "/?url=http://example.org/", Nonce: "Hl-sAIbt7o_c"}
	end := form{Action: "/~/end", Label: "End", ID: 12, Nonce: "Hl-sAIbt7o_c", About: "anna/second, began 3 minutes ago."}
	var many []form
	for range maxForms {
		many = append(many, end)
	}
	return map[string]view{
		"ask":          {Title: "Who are you?"},
		"proxy-ask":    {Title: "Who are you?", Home: "http://192.0.2.1:8000"},
		"wrong":        {Title: "That was wrong"},
		"limited":      {Title: "Too many wrong passwords"},
		"button":       {Title: "The Web, for any browser", Form: start},
		"login":        {Title: "Who are you?", Form: start},
		"login-again":  {Title: "Who are you?", Form: start, Name: "\"<\u00e4nna\xff>", Sentence: "The name or the password is wrong."},
		"waiting":      {Title: "Please wait", Sentence: "Caf\u00e9 & <bar> \u263a\x00", Request: "K7QX2MBD4T", Seconds: 3, Link: "/?a=1&b=\"<"},
		"waiting-long": {Title: "Please wait", Sentence: "All browsers are in use at the moment.", Link: "http://example.org/", Home: "http://192.0.2.1:8000"},
		"waiting-far":  {Title: "Please wait", Sentence: "Your browser is being started.", Request: "K7QX2MBD4T", Seconds: 3},
		"ended":        {Title: "Your session has ended", Sentence: "it was not used for 10 minutes", Ago: "3 minutes", Form: start},
		"ended-sent":   {Title: "Your session has ended", Sentence: "you ended it", Ago: "1 minute", Form: start, Sent: true},
		"not-sent":     {Title: "You have no session", Form: start},
		"too-many":     {Title: "Too many sessions", Sentence: "Your name has 10 sessions already.", Forms: many, Link: "/"},
		"session":      {Title: "Your session", Name: "anna", Sentence: "Your session began 3 minutes ago.", Link: "/", Form: end, Forms: []form{end, end}, Out: form{Action: "/~/logout", Label: "Log out", Nonce: "Hl-sAIbt7o_c"}},
		"session-none": {Title: "Your session", Sentence: "You have no session.", Form: start},
		"end":          {Title: "End your session", Sentence: "Shall it end? What is open in it is lost.", Form: end, Link: "/"},
		"enter":        {Title: "This is another session", Name: "anna/amiga", Form: form{Action: "/s/0123456789abcdef0123456789abcdef01234567/", Label: "Go to that session", Nonce: "Hl-sAIbt7o_c"}, Link: "/"},
		"out":          {Title: "Logged out"},
		"help":         {Title: "Help", Home: "http://192.0.2.1:8000", Proxy: true, Link: "192.0.2.1:8000"},
		"help-anyone":  {Title: "Help", Home: "http://192.0.2.1:8000", Anyone: true},
		"moved":        {Title: "Go on", Link: "http://192.0.2.1:8000/?url=http%3A%2F%2Fexample.org%2F"},
		"trouble-away": {Title: unavailable, Sentence: whatToDo, Request: "K7QX2MBD4T"},
		"trouble":      {Title: "No page", Sentence: "Your session did not answer, try again.", Request: "K7QX2MBD4T", Link: "/~/"},
	}
}

// TestPagesAreForOldBrowsers: each as it is kept in testdata, to be looked at.
func TestPagesAreForOldBrowsers(t *testing.T) {
	t.Parallel()
	all := parsePages()
	for name, v := range canned() {
		page := name
		for all.Lookup(page+".html") == nil {
			page = page[:strings.LastIndex(page, "-")]
		}
		var b bytes.Buffer
		if err := all.ExecuteTemplate(&b, page+".html", v); err != nil {
			t.Fatal(err)
		}
		if !html2.Match(b.Bytes()) || b.Len() >= maxPage {
			t.Errorf("%s, %d bytes, is for newer browsers: %s", name, b.Len(), b.Bytes())
		}
		file := filepath.Join("testdata", "pages", name+".html")
		if *update {
			if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(want, b.Bytes()) {
			t.Errorf("%s differs from %s, %v (go test ./internal/portal -update): %s", name, file, err, b.Bytes())
		}
	}
}

// TestAddressesStandInPaths: as people type and bookmark them.
func TestAddressesStandInPaths(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/http://example.org/":          "http://example.org/",
		"/http:/example.org/a?b=c&d":    "http://example.org/a?b=c&d",
		"/HTTPS://Example.org":          "https://Example.org",
		"/http://example.org/a%20b%2Fc": "http://example.org/a%20b%2Fc",
		"/http://example.org/shutdown/": "http://example.org/shutdown/",
		"/http://":                      "",
		"/http":                         "",
		"/ftp://example.org/":           "",
		"/x/http://example.org/":        "",
		"/":                             "",
	} {
		if got := addressIn(mustParse(t, path)); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func mustParse(t *testing.T, path string) *url.URL {
	t.Helper()
	u, err := url.ParseRequestURI(path)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
