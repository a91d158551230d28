package portal_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"wrpdistributor/internal/portal"
	"wrpdistributor/internal/session"
)

// TestPasswordLeadsToAPage: nothing else is typed, and two people have two containers.
func TestPasswordLeadsToAPage(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	b.addAccount("bert", 1)
	asked := b.ask("GET /?url=http://example.org/")
	asked.wants(t, "who says nothing", 401, "/~/login")
	if got := asked.Header.Get("WWW-Authenticate"); got != `Basic realm="WRP"` {
		t.Errorf("WWW-Authenticate: %q", got)
	}
	if n := b.Running(); n != 0 {
		t.Errorf("%d containers were started for nobody", n)
	}
	first := b.ask("GET /?url=http://example.org/anna", basic("anna", password))
	first.wants(t, "anna", 200, "http://example.org/anna")
	b.ask("GET /?url=http://example.org/bert", basic("bert", password)).wants(t, "bert", 200, "http://example.org/bert")
	b.ask("GET /?url=http://example.org/again", basic("anna", password)).wants(t, "anna again", 200, "http://example.org/again")
	if n := b.rows(session.Running); n != 2 || b.Running() != 2 {
		t.Errorf("%d sessions in %d containers, want one for each person", n, b.Running())
	}
	b.ask("GET /", basic("anna", "hunter-guess")).wants(t, "a wrong password", 401, "is wrong")
	b.ask("GET /", basic("nobody", password)).wants(t, "nobody's name", 401, "is wrong")
	if b.log.has(password) || b.log.has("hunter-guess") {
		t.Error("the log has a password")
	}
}

// TestTokensReachTheGatewayUntouched: clients that ask for sessions themselves notice
// nothing of the portal.
func TestTokensReachTheGatewayUntouched(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	s, _, err := b.Sessions.Allocate(t.Context(), session.Client{IP: "192.0.2.1", UserAgent: "AmiFox"}, false)
	must(t, err)
	for _, tt := range []struct {
		request, header string
		code            int
		text            string
	}{
		{"GET /?url=http://example.org/", "Bearer: " + s.Token, 200, "<img"},
		{"GET /?url=http://example.org/", "Authorization: Bearer " + s.Token, 200, "<img"},
		{"GET http://wrp.home/?url=http://example.org/", "Bearer: " + s.Token, 200, "<img"},
		{"GET /shutdown/", "Bearer: " + s.Token, 403, "Forbidden"},
		{"GET /robots.txt", "Bearer: " + s.Token, 200, "WRP stand-in"},
		{"GET /", "Bearer: wrong", 401, "token"},
		{"GET /", "Bearer:", 401, "token"},
		{"GET /s/" + s.Token + "/", "X: y", 302, "Your session"},
		{"GET /s/wrong/", "X: y", 401, "token"},
		{"GET /?url=http://example.org/", "Cookie: wrp_session_01234567=" + s.Token, 200, "<img"},
		{"GET /", "Cookie: wrp_session_01234567=stale", 401, "Who are you?"},
		{"GET http://elsewhere.example/", "Bearer: " + s.Token, 400, "no proxy"},
		{"CONNECT elsewhere.example:443", "X: y", 400, ""},
		{"GET a:b", "X: y", 400, ""},
	} {
		b.ask(tt.request, tt.header).wants(t, tt.request+" "+tt.header, tt.code, tt.text)
	}
}

// TestLinkIntoAnotherSessionIsAsked: nobody who is in a session of theirs is led into
// another one, to type there, by a page that knows its token.
func TestLinkIntoAnotherSessionIsAsked(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	s, _, err := b.Sessions.Allocate(t.Context(), session.Client{IP: "192.0.2.1", UserAgent: "AmiFox"}, false)
	must(t, err)
	entrance := "/s/" + s.Token + "/"
	for _, who := range []string{basic("anna", password), b.login("anna/a"), b.login("anna/a") + "; wrp_session_01234567=stale"} {
		b.ask("GET /", who).wants(t, "a session of her own", 200, "WRP stand-in")
		page := b.ask("GET "+entrance, who)
		page.wants(t, "the link", 200, "This is another session")
		for _, form := range []string{"x=y", "nonce=" + b.ask("GET /~/", who).field(t, "nonce")} {
			if got := b.post(entrance, form, who); got.StatusCode != 200 || len(got.Cookies())+len(page.Cookies()) > 0 {
				t.Errorf("not asked: %d %v %v", got.StatusCode, got.Cookies(), page.Cookies())
			}
		}
		b.post(entrance, "nonce="+page.field(t, "nonce"), who).wants(t, "when she said so", 302, "Go on")
	}
	b.ask("GET "+entrance, basic("bert", "wrong")).wants(t, "a stranger", 302, "Go on")
}

// TestLinkIsAskedBeforeTheFirstSession: who is known, and has no session yet, is not led
// into somebody else's either.
func TestLinkIsAskedBeforeTheFirstSession(t *testing.T) {
	t.Parallel()
	for _, anyone := range []bool{false, true} {
		b := newBench(t, options{Config: portal.Config{Anyone: anyone}})
		s, _, err := b.Sessions.Allocate(t.Context(), session.Client{IP: "192.0.2.1", UserAgent: "AmiFox"}, false)
		must(t, err)
		entrance := "/s/" + s.Token + "/"
		people := []string{basic("anna", password)}
		if anyone {
			people = []string{b.press(), b.press() + "; wrp_session_01234567=stale"}
		} else {
			people = append(people, b.login("anna/a"))
		}
		for _, who := range people {
			page := b.ask("GET "+entrance, who)
			page.wants(t, "the link", 200, "This is another session")
			for _, form := range []string{"x=y", "nonce=" + nonceOf(t, b.ask("GET /~/", who), "/~/start")} {
				if got := b.post(entrance, form, who); got.StatusCode != 200 || len(got.Cookies())+len(page.Cookies()) > 0 {
					t.Errorf("not asked: %d %v %v", got.StatusCode, got.Cookies(), page.Cookies())
				}
			}
			entered := b.post(entrance, "nonce="+page.field(t, "nonce"), who)
			entered.wants(t, "when she said so", 302, "Go on")
			b.ask("GET /?url=http://example.org/", entered.cookie(t, "wrp_session_01234567")).wants(t, "the session", 200, "<img")
			b.ask("GET /s/0000/", who).wants(t, "a link that leads nowhere", 401, "token")
		}
		if n := b.rows(session.Running); n != 1 {
			t.Errorf("%d sessions run, want the one that the link leads to", n)
		}
		b.ask("GET "+entrance).wants(t, "a stranger", 302, "Go on")
	}
}

// TestStaleCookieDoesNotShutOutARightPassword: what opens nothing is skipped.
func TestStaleCookieDoesNotShutOutARightPassword(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	for _, cookie := range []string{"wrp_session_01234567=stale", "wrp_session=stale", loginName + "=stale", loginName + "=a.b; " + loginName + "=", "other=1"} {
		b.ask("GET /?url=http://example.org/", "Cookie: "+cookie, basic("anna", password)).wants(t, cookie, 200, "<img")
	}
}

// TestNamesAreReadAsPeopleTypeThem, and as nothing else.
func TestNamesAreReadAsPeopleTypeThem(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{Config: portal.Config{}})
	b.addAccount("k", 1)
	for user, code := range map[string]int{
		"anna": 200, " Anna ": 200, "ANNA": 200, "anna/second": 200,
		"anna/": 401, "/anna": 401, "anna/a/b": 401, "anna\x00": 401, "\u212a": 401, "anna' OR ''='": 401, "": 401, "@127.0.0.1": 401, "visitor": 401,
	} {
		if got := b.ask("GET /?url=http://example.org/", basic(user, password)).StatusCode; got != code {
			t.Errorf("name %q: %d, want %d", user, got, code)
		}
	}
	for _, header := range []string{"Basic", "Basic !", "Basic " + base64.StdEncoding.EncodeToString([]byte("anna")), "basic " + strings.Repeat("A", 9000), "Digest username=\"anna\""} {
		if got := b.ask("GET /", "Authorization: "+header).StatusCode; got != 401 {
			t.Errorf("Authorization %.30q: %d", header, got)
		}
	}
	if n := b.rows(session.Running); n != 2 {
		t.Errorf("%d sessions, want one of anna and one of her second device", n)
	}
}
