package portal_test

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/portal"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestStartIsWaitedForOnAPage: it comes soon, looks again by itself, and leads in.
func TestStartIsWaitedForOnAPage(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{Config: portal.Config{Wait: 50 * time.Millisecond}})
	b.Hosts[0].SetDelay(pretend.OpCreate, 4*time.Second)
	anna := basic("anna", password)
	page := b.ask("GET /?url=http://example.org/", anna)
	page.wants(t, "while it starts", 200, "Your browser is being started.")
	wantsRefresh(t, page, 2, 4)
	b.ask("GET /favicon.ico", anna).wants(t, "a picture meanwhile", 503, "")
	b.post("/", "url=http://example.org/", anna).wants(t, "a form meanwhile", 200, "was not used")
	b.eventually("anna's session", func() bool {
		page = b.ask("GET /?url=http://example.org/", anna)
		return page.Header.Get("Refresh") == ""
	})
	page.wants(t, "once it has started", 200, "<img")
	if n := b.Hosts[0].Requests(pretend.OpCreate); n != 1 {
		t.Errorf("%d containers were made", n)
	}
}

// TestWhoIsRefusedSeesWhy, and is let in once there is something free.
func TestWhoIsRefusedSeesWhy(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{Options: servicetest.Options{Max: 1}})
	b.addAccount("bert", 1)
	anna, bert := basic("anna", password), basic("bert", password)
	b.ask("GET /", anna).wants(t, "anna", 200, "WRP stand-in")
	full := b.ask("GET /", bert)
	full.wants(t, "full", 200, "All browsers are in use")
	wantsRefresh(t, full, 15, 30)
	id := full.Header.Get("X-Request-Id")
	full.wants(t, "full", 200, "Request "+id)
	b.eventually("the journal tells of the request", func() bool {
		list, err := journal.Why(t.Context(), b.DB, id)
		return err == nil && len(list) > 0
	})
	must(t, b.Store.Pause(t.Context(), "Back at 14:00, <caf\u00e9> \u263a."))
	paused := b.ask("GET /", bert)
	paused.wants(t, "paused", 200, "Back at 14:00, &lt;caf&#233;&gt; &#9786;.")
	wantsRefresh(t, paused, 20, 40)
	_, err := b.Store.Resume(t.Context())
	must(t, err)
	must(t, b.Sessions.Stop(t.Context(), session.AccountUser("anna", "", 2)))
	b.ask("GET /", bert).wants(t, "bert", 200, "WRP stand-in")
}

// TestBrowsersThatDoNotStart: nobody is told that all are in use when none starts, however
// long that takes to find out; the log warns, and the journal knows why.
func TestBrowsersThatDoNotStart(t *testing.T) {
	t.Parallel()
	for wait, failsAfter := range map[time.Duration]time.Duration{10 * time.Second: 200 * time.Millisecond, 10 * time.Millisecond: 3 * time.Second} {
		b := newBench(t, options{Config: portal.Config{Wait: wait}, Options: servicetest.Options{ConnectTimeout: time.Minute}})
		b.Hosts[0].FailNext(pretend.OpStart, 500, "exec: wrp: no such file", 100)
		b.Hosts[0].SetDelay(pretend.OpStart, failsAfter)
		anna, began := basic("anna", password), b.Hosts[0].Requests(pretend.OpStart)
		first := b.ask("GET /", anna)
		page := first
		if wait < time.Second {
			first.wants(t, "at first", 200, "Your browser is being started.")
			b.eventually("she is told", func() bool {
				page = b.ask("GET /", anna)
				return !strings.Contains(page.body, "is being started")
			})
		}
		page.wants(t, "then", 200, "Browsers do not start at the moment.")
		wantsRefresh(t, page, 30, 60)
		if n := b.Hosts[0].Requests(pretend.OpStart) - began; n != 1 {
			t.Errorf("%d containers were started for one person who looked again, want 1", n)
		}
		if !b.log.has(`level=WARN msg="portal request"`) || !b.log.has("exec: wrp: no such file") {
			t.Error("the log does not warn, or does not say why")
		}
		id := first.Header.Get("X-Request-Id")
		b.eventually("the journal tells why", func() bool {
			list, err := journal.Why(t.Context(), b.DB, id)
			return err == nil && slices.ContainsFunc(list, func(e journal.Entry) bool { return strings.Contains(e.Text, "exec: wrp") })
		})
	}
}

func wantsRefresh(t *testing.T, page answer, from, to int) {
	t.Helper()
	n, err := strconv.Atoi(page.Header.Get("Refresh"))
	if err != nil || n < from || n > to {
		t.Errorf("Refresh: %q, want %d to %d", page.Header.Get("Refresh"), from, to)
	}
	page.wants(t, "the same in the page", 200, `<meta http-equiv="Refresh" content="`+strconv.Itoa(n)+`">`)
}

// TestEndIsExplained, and nothing is started in the place of what ended; nothing that was
// sent to it is lost in silence.
func TestEndIsExplained(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	anna := basic("anna", password)
	b.ask("GET /", anna).wants(t, "a session", 200, "WRP stand-in")
	s, err := b.Sessions.Own(t.Context(), session.AccountUser("anna", "", 2))
	must(t, err)
	must(t, b.Reaper.StopNow(t.Context(), s))
	b.post("/", "url=http://example.org/", anna).wants(t, "a form", 200, "What you sent just now was not used.")
	b.ask("GET /img/1.gif", anna).wants(t, "a picture", 503, "")
	b.ask("HEAD /", anna).wants(t, "a look", 200, "")
	b.ask("GET /map/1.map?3,4", anna).wants(t, "a click", 200, "an operator ended it")
	page := b.ask("GET /?url=http://example.org/", anna)
	page.wants(t, "a page", 200, "an operator ended it")
	if n := b.rows(session.Running); n != 0 {
		t.Errorf("%d sessions were started unasked", n)
	}
	to := page.field(t, "to")
	if to != "/?url=http://example.org/" {
		t.Errorf("the button leads to %q", to)
	}
	back := b.post("/~/start", url.Values{"to": {to}, "nonce": {page.field(t, "nonce")}}.Encode(), anna)
	if got := back.Header.Get("Location"); back.StatusCode != 302 || !strings.HasPrefix(got, "http://"+b.addr+to+"&again=") {
		t.Errorf("the button: %d to %q", back.StatusCode, got)
	}
	b.ask("GET "+to, anna).wants(t, "another session", 200, "<img")
}

// TestDeadContainerIsReplacedOnce: on the way to the first page, if it had run for a while.
// One that died soon would die again.
func TestDeadContainerIsReplacedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{Options: servicetest.Options{Watch: true}})
	anna := basic("anna", password)
	b.ask("GET /", anna).wants(t, "a session", 200, "WRP stand-in")
	_, err := b.DB.Exec(b.DB.Rebind(`UPDATE sessions SET started = `+b.DB.SecondsAgo()), 600)
	must(t, err)
	b.kill()
	b.ask("GET /map/1.map?3,4", anna).wants(t, "a click", 200, "its browser stopped by itself")
	b.ask("GET /", anna).wants(t, "the first page", 200, "WRP stand-in")
	b.kill()
	b.ask("GET /", anna).wants(t, "the first page again", 200, "its browser stopped by itself")
}

// kill kills the only container, and waits until it is known.
func (b *bench) kill() {
	b.t.Helper()
	for _, c := range b.Hosts[0].Containers() {
		if c.Running {
			b.Hosts[0].KillContainer(c.ID)
		}
	}
	b.eventually("the death is known", func() bool { return b.rows(session.Running) == 0 })
}

func (b *bench) eventually(what string, ok func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("never: %s", what)
		}
	}
}

// TestTooManyCanBeEnded: from the page that says so.
func TestTooManyCanBeEnded(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	for _, device := range []string{"anna/one", "anna/two"} {
		b.ask("GET /", basic(device, password)).wants(t, device, 200, "WRP stand-in")
	}
	third := basic("anna/three", password)
	page := b.ask("GET /", third)
	page.wants(t, "a third", 200, "Your name has 2 sessions already")
	page.wants(t, "a third", 200, "anna/one, began less than a minute ago.")
	b.post("/~/end", "id="+page.field(t, "id")+"&nonce="+page.field(t, "nonce"), third).wants(t, "end the first", 302, "")
	b.ask("GET /", third).wants(t, "the third", 200, "WRP stand-in")
	b.ask("GET /", basic("anna/one", password)).wants(t, "the first", 200, "you ended it from elsewhere")
}

// TestUnreachableSessionCanBeEnded: whoever cannot get at it is led to where it can be ended,
// and need not wait for its host.
func TestUnreachableSessionCanBeEnded(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	anna := basic("anna", password)
	b.ask("GET /", anna).wants(t, "a session", 200, "WRP stand-in")
	must(t, b.Hosts[0].SetDown(true))
	page := b.ask("GET /", anna)
	page.wants(t, "its host is down", 502, "cannot be reached")
	page.wants(t, "its host is down", 502, `<a href="/~/">About your session</a>`)
	own := b.ask("GET /~/", anna)
	b.post("/~/end", "id="+own.field(t, "id")+"&nonce="+own.field(t, "nonce"), anna).wants(t, "end it", 302, "")
	b.ask("GET /", anna).wants(t, "afterwards", 200, "you ended it")
}
