package portal_test

import (
	"html"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"wrpdistributor/internal/portal"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// login logs in by the form, and returns the cookie that says who the browser is.
func (b *bench) login(user string) string {
	b.t.Helper()
	page := b.ask("GET /~/login")
	done := b.post("/~/login", url.Values{"name": {user}, "password": {password}, "nonce": {page.field(b.t, "nonce")}}.Encode(), page.cookie(b.t, formName))
	done.wants(b.t, "log in", 302, "Go on")
	if got, want := done.Header.Get("Location"), "http://"+b.addr+"/?again="; !strings.HasPrefix(got, want) {
		b.t.Errorf("Location: %q, want %q", got, want)
	}
	return done.cookie(b.t, loginName)
}

// TestFormLeadsToAPage: for browsers that do not ask by themselves. Each that logs in is a
// device of its own, unless its person names it.
func TestFormLeadsToAPage(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	cookie, amiga := b.login("Anna"), b.login("anna/amiga")
	b.ask("GET /?url=http://example.org/", cookie).wants(t, "with the cookie", 200, "<img")
	b.ask("GET /?url=http://example.org/", amiga).wants(t, "another browser", 200, "<img")
	b.ask("GET /", basic("anna/amiga", password)).wants(t, "the same device by Basic", 200, "WRP stand-in")
	b.ask("GET /", basic("anna", password)).wants(t, "a third device", 200, "Too many sessions")
	page := b.ask("GET /~/", cookie)
	page.wants(t, "own page", 200, "Your session began less than a minute ago")
	page.wants(t, "own page", 200, "anna/amiga, began")
	out := b.post("/~/logout", "nonce="+nonceOf(t, page, "/~/logout"), cookie)
	out.wants(t, "log out", 200, "Logged out")
	b.ask("GET /~/", cookie).wants(t, "a copy of the cookie", 401, "Who are you?")
	if c := out.Cookies(); len(c) != 2 || c[0].Name != loginName || c[0].MaxAge >= 0 || !strings.HasPrefix(c[1].Name, "wrp_session_") || c[1].MaxAge >= 0 {
		t.Errorf("logging out sets %v, want to forget who it is, and the session", c)
	}
	same := b.login("anna/amiga")
	b.post("/~/logout", "nonce="+nonceOf(t, b.ask("GET /~/", amiga), "/~/logout"), amiga).wants(t, "log out", 200, "Logged out")
	b.ask("GET /~/", same).wants(t, "another browser of that name", 200, "You are anna/amiga")
}

// TestButtonsLeadToAddressesNotSeenYet: links shows what an address showed before, however
// often it is told not to keep that.
func TestButtonsLeadToAddressesNotSeenYet(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{Config: portal.Config{Anyone: true}})
	page := b.ask("GET /?url=http://example.org/")
	form := page.cookie(t, formName)
	visitor := "X-None: yet"
	seen := make(map[string]bool)
	for range 2 {
		to := html.UnescapeString(page.field(t, "to"))
		done := b.post("/~/start", url.Values{"to": {to}, "nonce": {page.field(t, "nonce")}}.Encode(), form, visitor)
		where := strings.TrimPrefix(done.Header.Get("Location"), "http://"+b.addr)
		if done.StatusCode != 302 || !strings.HasPrefix(where, "/?url=http://example.org/&again=") || strings.Count(where, "again=") != 1 || seen[where] {
			t.Fatalf("the button leads to %d %q from %q, before to %v", done.StatusCode, where, to, seen)
		}
		seen[where], visitor = true, done.cookie(t, loginName)
		b.ask("GET "+where, visitor).wants(t, "a session", 200, `value="http://example.org/"`)
		own := b.ask("GET /~/", visitor)
		ended := b.post("/~/end", url.Values{"id": {own.field(t, "id")}, "nonce": {own.field(t, "nonce")}}.Encode(), visitor)
		if at := ended.Header.Get("Location"); !strings.HasPrefix(at, "http://"+b.addr+"/~/?again=") || seen[at] {
			t.Errorf("ending a session leads to %q, before to %v", at, seen)
		} else {
			seen[at] = true
		}
		page = b.ask("GET "+where, visitor)
		page.wants(t, "afterwards", 200, "you ended it")
	}
}

// nonceOf returns the nonce of the form that leads to a path, with the fields given.
func nonceOf(t *testing.T, page answer, action string, fields ...string) string {
	t.Helper()
	for form := range strings.SplitSeq(page.body, "<form ") {
		form, _, _ = strings.Cut(form, "</form>")
		ok := strings.Contains(form, `action="`+action+`"`) || strings.Contains(form, "http://") && strings.Contains(form, action+`"`)
		for _, f := range fields {
			ok = ok && strings.Contains(form, f)
		}
		if ok {
			return answer{body: form}.field(t, "nonce")
		}
	}
	t.Fatalf("no form for %s with %q in %q", action, fields, page.body)
	return ""
}

// TestChangesNeedAFormOfOurs: another page can have a browser send what it likes, with
// whatever the browser sends by itself.
func TestChangesNeedAFormOfOurs(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	b.addAccount("mallory", 2)
	who, mallory := b.login("anna/a"), b.login("mallory/a")
	for _, c := range []string{who, mallory} {
		b.ask("GET /", c).wants(t, "a session", 200, "WRP stand-in")
	}
	s, err := b.Sessions.Own(t.Context(), session.AccountUser("anna", "a", 2))
	must(t, err)
	id := strconv.FormatInt(s.ID, 10)
	hers, page := b.ask("GET /~/", mallory), b.ask("GET /~/", who)
	other := nonceOf(t, hers, "/~/end")
	logout := nonceOf(t, page, "/~/logout")
	for _, tt := range []struct{ path, form string }{
		{"/~/end", "id=" + id},
		{"/~/end", "id=" + id + "&nonce="},
		{"/~/end", "id=" + id + "&nonce=" + other},
		{"/~/end", "id=" + id + "&nonce=" + logout},
		{"/~/end?id=" + id + "&nonce=" + nonceOf(t, page, "/~/end"), ""},
		{"/~/logout", ""},
		{"/~/logout", "nonce=" + nonceOf(t, hers, "/~/logout")},
		{"/~/start", "to=/"},
		{"/~/start", "to=http://evil.example/&nonce=" + other},
		{"/~/login", "name=mallory&password=" + password},
		{"/~/login", "name=mallory&password=" + password + "&nonce=" + b.ask("GET /~/login").field(t, "nonce")},
	} {
		for _, headers := range [][]string{{who}, {basic("anna/a", password)}, {strings.ReplaceAll(who, "Cookie: ", "Cookie: "+formName+"=x; ")}} {
			got := b.post(tt.path, tt.form, headers...)
			if got.StatusCode != 403 || len(got.Cookies()) > 0 {
				t.Errorf("POST %s %q with %q: %d %q %v", tt.path, tt.form, headers, got.StatusCode, got.body, got.Cookies())
			}
		}
	}
	for _, path := range []string{"/~/logout?nonce=" + logout, "/~/start?to=/", "/~/end?id=" + id} {
		if got := b.ask("GET "+path, who); len(got.Cookies()) > 0 {
			t.Errorf("GET %s sets %v", path, got.Cookies())
		}
	}
	b.post("/~/end", "id="+id+"&nonce="+other, mallory).wants(t, "mallory ends anna's session", 403, "Nothing was changed")
	b.post("/~/end", "id="+id+"&nonce="+nonceOf(t, page, "/~/end"), mallory).wants(t, "with anna's form", 403, "Nothing was changed")
	if n := b.rows(session.Running); n != 2 {
		t.Fatalf("%d sessions run, want both", n)
	}
	b.post("/~/end", "id="+id+"&nonce="+nonceOf(t, page, "/~/end"), who).wants(t, "anna ends her session", 302, "")
	b.ask("GET /", who).wants(t, "afterwards", 200, "you ended it")
	if n := b.rows(session.Running); n != 1 {
		t.Errorf("%d sessions run, want mallory's", n)
	}
}

// TestPagesStaySmall, and ASCII, whatever was typed.
func TestPagesStaySmall(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{Config: portal.Config{Anyone: true}})
	for query, want := range map[string]string{"k\xe4se": "/?url=k%E4se", strings.Repeat("x", 20_000): "/"} {
		if to := b.ask("GET /?url="+query).field(t, "to"); to != want {
			t.Errorf("the button leads to %q, want %q", to, want)
		}
	}
	b = newBench(t, options{})
	page := b.ask("GET /~/login")
	form := url.Values{"name": {strings.Repeat("x", 5000)}, "nonce": {page.field(t, "nonce")}}
	again := b.post("/~/login", form.Encode(), page.cookie(t, formName))
	again.wants(t, "an endless name", 200, "is wrong")
	if len(again.body) > 4<<10 {
		t.Errorf("the page has %d bytes", len(again.body))
	}
}

// TestLongAddressesStandOnNoPage: old browsers have little room for a link, and less for a
// page. The address is loaded again, or led to, all the same.
func TestLongAddressesStandOnNoPage(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	b.addAccount("bert", 1)
	b.addAccount("carl", 1)
	anna, bert := basic("anna", password), basic("bert", password)
	long := "/?url=http://example.org/" + strings.Repeat("x", 20_000)
	wants := func(what string, page answer, code int, text string) {
		t.Helper()
		page.wants(t, what, code, text)
		if len(page.body) > 4<<10 || strings.Contains(page.body, "xxx") {
			t.Errorf("%s: %d bytes, %.100q", what, len(page.body), page.body)
		}
	}
	moved := b.ask("GET /http://example.org/"+strings.Repeat("x", 20_000), anna)
	wants("in the path", moved, 302, "too long for a link")
	if to := moved.Header.Get("Location"); !strings.HasSuffix(to, "xxx") {
		t.Errorf("it leads to %.100q", to)
	}
	b.ask("GET /", bert).wants(t, "bert", 200, "WRP stand-in")
	wants("too many", b.ask("GET "+long, basic("bert/second", password)), 200, "load this page again")
	must(t, b.Store.Pause(t.Context(), "Back soon."))
	wants("waiting", b.ask("GET "+long, basic("carl", password)), 200, "load it again")
	near := b.ask("GET /?url=http://example.org/k\xe4se", basic("carl", password))
	near.wants(t, "waiting for another", 200, `<a href="/?url=http://example.org/k%E4se">look now</a>`)
}

// TestPagesCannotBeFramedOrKept: nor do they tell others where somebody was.
func TestPagesCannotBeFramedOrKept(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	for _, request := range []string{"GET /", "GET /~/login", "GET /~/help", "GET /~/nothing"} {
		got := b.ask(request)
		for name, want := range map[string]string{
			"X-Frame-Options": "DENY", "Cache-Control": "no-store", "Pragma": "no-cache", "Referrer-Policy": "no-referrer", "Content-Type": "text/html",
		} {
			if h := got.Header.Get(name); h != want {
				t.Errorf("%s: %s: %q, want %q", request, name, h, want)
			}
		}
	}
}

// TestTicketsEnd: with the password, with the account, on every process at once.
func TestTicketsEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	b.addAccount("bert", 2)
	anna, bert := b.login("anna/a"), b.login("bert/a")
	for _, c := range []string{anna, bert} {
		b.ask("GET /~/", c).wants(t, "before", 200, "You are")
	}
	must(t, b.Accounts.SetPassword(t.Context(), "anna", password+"2"))
	must(t, b.Accounts.SetDisabled(t.Context(), "bert", true))
	for _, c := range []string{anna, bert} {
		b.ask("GET /~/", c).wants(t, "afterwards", 401, "Who are you?")
	}
	b.ask("GET /~/", basic("anna", password)).wants(t, "the old password", 401, "is wrong")
	b.ask("GET /~/", basic("anna", password+"2")).wants(t, "the new password", 200, "You are anna")
}

// TestLoginKeepsNothingThatABrowserCameWith: a cookie that somebody else had set is not the
// one that says who it is afterwards.
func TestLoginKeepsNothingThatABrowserCameWith(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	b.addAccount("mallory", 2)
	planted := b.login("mallory")
	page := b.ask("GET /~/login", planted)
	both := planted + "; " + strings.TrimPrefix(page.cookie(t, formName), "Cookie: ")
	done := b.post("/~/login", url.Values{"name": {"anna"}, "password": {password}, "nonce": {page.field(t, "nonce")}}.Encode(), both)
	if got := done.cookie(t, loginName); got == planted {
		t.Error("the planted cookie stays")
	}
	b.ask("GET /~/", done.cookie(t, loginName)).wants(t, "logged in", 200, "You are anna")
	led := b.post("/~/login", url.Values{"name": {"anna"}, "password": {password}, "nonce": {page.field(t, "nonce")}}.Encode(), both+"; wrp_session_01234567=mallorys")
	if got := led.cookie(t, "wrp_session_01234567"); got != "Cookie: wrp_session_01234567=" {
		t.Errorf("the session that the browser was led into stays: %s", got)
	}
	wrong := b.post("/~/login", url.Values{"name": {"<b>anna"}, "password": {"no"}, "nonce": {page.field(t, "nonce")}}.Encode(), both)
	wrong.wants(t, "a wrong password", 200, "The name or the password is wrong.")
	if strings.Contains(wrong.body, "<b>") || len(wrong.Cookies()) > 0 {
		t.Errorf("a wrong password: %v %q", wrong.Cookies(), wrong.body)
	}
	b.post("/~/login", "name=anna&password="+password, "X: y").wants(t, "without cookies", 403, "keeps no cookie")
}

// TestGuessingIsLimited, and does not shut out who knows the password.
func TestGuessingIsLimited(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	var last answer
	for range 62 {
		last = b.ask("GET /", basic("anna", "guess"))
	}
	last.wants(t, "the last guess", 429, "Too many wrong passwords")
	if last.Header.Get("Retry-After") == "" || last.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("the last guess: %v", last.Header)
	}
	b.ask("GET /~/", basic("anna", password)).wants(t, "the right one", 200, "You are anna")
}

// TestProcessesKnowTheSamePeople: a cookie of one leads to the same session at another,
// where a new password and the end of the session are known within a second.
func TestProcessesKnowTheSamePeople(t *testing.T) {
	t.Parallel()
	one := newBench(t, options{})
	two := open(t, &servicetest.Kit{Service: servicetest.Open(t, one.DB, one.Config), Hosts: one.Hosts, Config: one.Config}, options{})
	cookie := one.login("anna/a")
	one.ask("GET /", cookie).wants(t, "here", 200, "WRP stand-in")
	two.ask("GET /?url=http://example.org/", cookie).wants(t, "there", 200, "<img")
	if n := one.rows(session.Running); n != 1 {
		t.Errorf("%d sessions run, want the one", n)
	}
	must(t, two.Accounts.SetPassword(t.Context(), "anna", password+"2"))
	one.eventually("the cookie is worth nothing", func() bool { return one.ask("GET /~/", cookie).StatusCode == 401 })
	one.ask("GET /~/", basic("anna", password)).wants(t, "the old password", 401, "")
}
