package portal_test

import (
	"testing"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/portal"
)

// TestPeopleWithoutTheDatabase: whoever comes while it is away is told so on a page of ours,
// with what to do, loses nothing, and starts nothing; afterwards all is as before.
func TestPeopleWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	server := databasetest.Server(t)
	b := newBench(t, options{Config: portal.Config{Proxy: true}, db: databasetest.Open(t, server.Config(t))})
	b.addAccount("bert", 1)
	anna, bert := b.login("anna/a"), basic("bert", password)
	b.ask("GET /", anna).wants(t, "anna", 200, "WRP stand-in")
	before := b.Running()
	server.Kill()
	for _, tt := range []struct{ request, header string }{
		{"GET /", bert}, {"GET /?url=http://example.org/", bert}, {"GET /~/", bert}, {"GET /s/0123/", bert},
		{"GET http://example.org/", proxyBasic("bert", password)},
	} {
		page := b.ask(tt.request, tt.header)
		page.wants(t, tt.request, 503, "Load this page again in a minute; if this lasts, tell whoever runs this service")
		page.wants(t, tt.request, 503, "Request "+page.Header.Get("X-Request-Id"))
		if page.Header.Get("Retry-After") == "" || page.Header.Get("Content-Type") != "text/html" || len(page.Cookies()) > 0 {
			t.Errorf("%s: %v", tt.request, page.Header)
		}
	}
	b.eventually("anna is looked up again", func() bool {
		if got := b.ask("GET /~/", anna); got.StatusCode != 503 {
			t.Fatalf("anna is told %d %s", got.StatusCode, got.body)
		}
		return b.log.has("look up account: ")
	})
	b.ask("GET /").wants(t, "who says nothing", 401, "Who are you?")
	b.ask("GET /~/help").wants(t, "help", 200, "Help")
	must(t, server.Start())
	b.eventually("the database is back", func() bool { return b.ask("GET /", anna).StatusCode == 200 })
	if n := b.Running(); n != before {
		t.Errorf("%d containers run, want %d as before", n, before)
	}
	b.ask("GET /", bert).wants(t, "bert", 200, "WRP stand-in")
}
