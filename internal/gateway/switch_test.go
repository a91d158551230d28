package gateway_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/session"
)

// TestOtherSessionIsEnteredByItsUserOnly: a page of the web can lead a browser to the
// entrance of another session, but not into it.
func TestOtherSessionIsEnteredByItsUserOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{})
	atari := session.Client{IP: "192.0.2.2", UserAgent: "CAB"}
	first, second := allocate(t, b.Kit, amiga), allocate(t, b.Kit, atari)
	entrance := b.url + "/s/" + second.Token + "/"

	// send returns the cookie that the answer sets, too.
	send := func(method, url, cookie, body string) (answer, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		must(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if cookie != "" {
			req.Header.Set("Cookie", cookieName+"="+cookie)
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		must(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		must(t, err)
		return answer{resp, string(text)}, resp.Header.Get("Set-Cookie")
	}
	refused := func(what, method, cookie, body string, code int) answer {
		t.Helper()
		a, set := send(method, entrance, cookie, body)
		wants(t, what, a.StatusCode, code)
		if set != "" || a.Header.Get("Location") != "" {
			t.Errorf("%s: gets the cookie %q and is led to %q", what, set, a.Header.Get("Location"))
		}
		return a
	}
	page := refused("a link from elsewhere", "GET", first.Token, "", 200)
	want := `<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">
<html><head><title>This is another session</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head><body>
<h1>This is another session</h1><p>Your browser is in a session already. The address that you opened leads into
another one. If you did not ask for that, stay where you are.</p>
<p><a href="/">Stay in your session</a></p>
<form method="POST" action="/s/TOKEN/">
<input type="hidden" name="nonce" value="NONCE">
<input type="submit" value="Go to the other session">
</form>
</body></html>
`
	m := regexp.MustCompile(`value="([0-9a-f]{64})"`).FindStringSubmatch(page.body)
	if m == nil || strings.NewReplacer(m[1], "NONCE", second.Token, "TOKEN").Replace(page.body) != want {
		t.Fatalf("the page is %q", page.body)
	}
	if page.Header.Get("Content-Type") != "text/html" || page.ContentLength != int64(len(page.body)) || strings.Contains(page.body, first.Token) {
		t.Errorf("the page has %v", page.Header)
	}
	if page.Header.Get("Cache-Control") != "no-store" || page.Header.Get("Referrer-Policy") != "no-referrer" || page.Header.Get("X-Frame-Options") != "DENY" {
		t.Errorf("the page has %v", page.Header)
	}
	form := url.Values{"nonce": {m[1]}}.Encode()
	refused("a check of the link", "HEAD", first.Token, "", 200)
	refused("a form from elsewhere", "POST", first.Token, "", 200)
	refused("a form with a wrong nonce", "POST", first.Token, "nonce="+strings.Repeat("0", 64), 200)
	refused("the right form without the cookie", "POST", "", form, 405)
	refused("the right form with another cookie", "POST", unknown, form, 405)
	refused("the form of the own session", "POST", second.Token, form, 405)
	refused("a form too long", "POST", first.Token, strings.Repeat("x", 5<<10)+"&"+form, 200)
	refused("another method", "PUT", first.Token, form, 200)

	entered := func(what, method, cookie, body string) {
		t.Helper()
		a, set := send(method, entrance, cookie, body)
		wants(t, what, a.StatusCode, 302)
		if !strings.HasPrefix(set, cookieName+"="+second.Token+";") {
			t.Errorf("%s: cookie %q", what, set)
		}
	}
	entered("the right form", "POST", first.Token, form)
	entered("the own session", "GET", second.Token, "")
	entered("no session", "GET", "", "")
	entered("no session that lives", "GET", unknown, "")
	must(t, b.Sessions.Stop(t.Context(), amiga))
	entered("a session that ended", "GET", first.Token, "")
	entered("the right form after its session ended", "POST", first.Token, form)
	if b.log.count(first.Token)+b.log.count(second.Token)+b.log.count(m[1]) > 0 {
		t.Error("the log has a token or the nonce")
	}
}

// TestEntranceKeepsSessionThatCannotBeLookedUp: who cannot be said to be in no other
// session enters none.
func TestEntranceKeepsSessionThatCannotBeLookedUp(t *testing.T) {
	simulate(t, gateway.Config{}, echo, func(t *testing.T, s *simulation) {
		s.sessions.setDown(true)
		_, r := s.raw(t, "GET /s/"+s.token+"/ HTTP/1.1\r\nHost: x\r\nCookie: "+cookieName+"="+unknown+"\r\n\r\n")
		resp, err := http.ReadResponse(r, nil)
		must(t, err)
		if resp.StatusCode != 503 || resp.Header.Get("Set-Cookie") != "" {
			t.Errorf("%d %v, want 503 and no cookie", resp.StatusCode, resp.Header)
		}
	})
}
