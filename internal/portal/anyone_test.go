package portal_test

import (
	"net/url"
	"testing"
	"time"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/portal"
	"wrpdistributor/internal/session"
)

// press presses the button of the first page, and returns the cookie of the visitor.
func (b *bench) press(headers ...string) string {
	b.t.Helper()
	page := b.ask("GET /", headers...)
	page.wants(b.t, "the first page", 200, `value="Start"`)
	done := b.post("/~/start", "to=/&nonce="+page.field(b.t, "nonce"), append(headers, page.cookie(b.t, formName))...)
	done.wants(b.t, "the button", 302, "Go on")
	return done.cookie(b.t, loginName)
}

// TestAnyoneComesInByAButton: each is somebody else, and so many from one address.
func TestAnyoneComesInByAButton(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{Config: portal.Config{Anyone: true}})
	first, second := b.press(), b.press()
	b.ask("GET /", first).wants(t, "the first", 200, "WRP stand-in")
	b.ask("GET /", second).wants(t, "the second", 200, "WRP stand-in")
	b.ask("GET /?url=http://example.org/", first).wants(t, "the first again", 200, "<img")
	third := b.press()
	b.ask("GET /", third).wants(t, "a third of the address", 200, "From your address come 2 sessions")
	if n := b.rows(session.Running); n != 2 || b.Running() != 2 {
		t.Errorf("%d sessions run, want 2", n)
	}
	own := b.ask("GET /~/", first)
	own.wants(t, "own page", 200, "Your session began")
	b.post("/~/end", "id="+own.field(t, "id")+"&nonce="+own.field(t, "nonce"), third).wants(t, "the third ends the first's", 403, "")
	b.post("/~/end", "id="+own.field(t, "id")+"&nonce="+own.field(t, "nonce"), first).wants(t, "the first ends its own", 302, "")
	ended := b.ask("GET /", first)
	ended.wants(t, "afterwards", 200, "you ended it")
	again := b.post("/~/start", "to=/&nonce="+ended.field(t, "nonce"), first)
	again.wants(t, "start again", 302, "")
	b.ask("GET /", again.cookie(t, loginName)).wants(t, "again", 200, "WRP stand-in")
}

// TestNobodyStartsSomethingByLooking: robots, scanners, and pages elsewhere that have a
// browser send something.
func TestNobodyStartsSomethingByLooking(t *testing.T) {
	t.Parallel()
	for _, anyone := range []bool{true, false} {
		b := newBench(t, options{Config: portal.Config{Anyone: anyone}})
		for _, tt := range []struct {
			request string
			headers []string
			code    int // with PORTAL=anyone
		}{
			{"GET /", nil, 200},
			{"HEAD /", nil, 200},
			{"POST /", nil, 503},
			{"PUT /", nil, 503},
			{"GET /?url=http://example.org/", nil, 200},
			{"GET /http://example.org/", nil, 200},
			{"GET /favicon.ico", nil, 503},
			{"GET /admin.php", nil, 200},
			{"GET /~/", nil, 200},
			{"GET /~/start", nil, 403},
			{"POST /~/start", nil, 403},
			{"POST /~/start", []string{"Cookie: " + formName + "=x"}, 403},
			{"POST /~/start", []string{"Cookie: " + loginName + "=x"}, 403},
			{"GET /~/../", nil, 404},
			{"GET /robots.txt", nil, 200},
			{"GET /proxy.pac", nil, 404},
			{"GET http://wrp.home/", nil, 200},
			{"GET http://elsewhere.example/", nil, 400},
			{"CONNECT elsewhere.example:443", nil, 400},
		} {
			got := b.ask(tt.request, tt.headers...)
			if anyone && got.StatusCode != tt.code {
				t.Errorf("%s %q: %d %q, want %d", tt.request, tt.headers, got.StatusCode, got.body, tt.code)
			}
		}
		if n := b.Running(); n != 0 {
			t.Errorf("%d containers were started (anyone: %t)", n, anyone)
		}
	}
}

// TestButtonCountsForAWhile: a browser that comes back with its cookie a day later, or
// loads its pages again by itself, starts nothing; its person may.
func TestButtonCountsForAWhile(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{Config: portal.Config{Anyone: true}})
	value, err := b.Accounts.Seal(accounts.Ticket{Kind: accounts.KindVisitor, Name: "v", Issued: time.Now().Add(-time.Hour)})
	must(t, err)
	old := "Cookie: " + loginName + "=" + value
	page := b.ask("GET /?url=http://example.org/", old)
	page.wants(t, "an hour later", 200, `value="Start"`)
	if n := b.Running(); n != 0 {
		t.Errorf("%d containers were started", n)
	}
	done := b.post("/~/start", "to="+url.QueryEscape(page.field(t, "to"))+"&nonce="+page.field(t, "nonce"), old)
	done.wants(t, "the button", 302, "")
	b.ask("GET /?url=http://example.org/", done.cookie(t, loginName)).wants(t, "then", 200, "<img")
	account, err := b.Accounts.Seal(accounts.Ticket{Kind: accounts.KindAccount, Name: "anna", Issued: time.Now()})
	must(t, err)
	b.ask("GET /~/", "Cookie: "+loginName+"="+account).wants(t, "a ticket of an account", 200, `value="Start"`)
	b.ask("GET /~/", basic("anna", password)).wants(t, "a password", 200, `value="Start"`)
}
