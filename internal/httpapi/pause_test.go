package httpapi_test

import (
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/service/servicetest"
)

// TestPausedServiceSaysWhyInOneSentence: to clients without a session. Those that have
// one notice nothing, and whoever sends clients here need not send them elsewhere.
func TestPausedServiceSaysWhyInOneSentence(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBench(t, db, servicetest.Options{})
		const notPaused = `{"activeSessions":1,"containerHosts":1,[^ ]*,"remainingContainers":1}\n`
		b.do(t, call{method: "PUT", code: 202, answer: started})
		b.do(t, call{method: "GET", path: "/?format=json", code: 200, answer: notPaused})
		if err := b.Store.Pause(t.Context(), `A <new> disk until noon.`); err != nil {
			t.Fatal(err)
		}
		for _, c := range []call{
			{method: "PUT", header: "User-Agent: other", code: 503, headers: `Retry-After: 30\r\n`, answer: `<h1>Docker container for this session could not be started!</h1><p>A &lt;new&gt; disk until noon\.</p><p>Request \w+</p>`},
			{method: "PUT", code: 204, headers: given},
			{method: "HEAD", code: 204},
			{method: "GET", path: "/?format=json", code: 200, answer: `{"activeSessions":1,.*,"paused":"A \\u003cnew\\u003e disk until noon\.","remainingContainers":1}\n`},
			{method: "GET", path: "/?format=json", header: "X-Admin-Token: " + adminToken, code: 200, answer: `.*"paused":"A .*`},
			{method: "GET", path: "/readyz", code: 200, answer: "ready\n"},
			{method: "DELETE", code: 202},
			{method: "PUT", code: 503, answer: `.*A &lt;new&gt; disk.*`},
		} {
			b.do(t, c)
		}
		if n := b.log.count(`level=INFO msg="request refused"`); n != 2 {
			t.Errorf("%d lines say without a warning that a request was refused, want 2", n)
		}
		if _, err := b.Store.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.do(t, call{method: "PUT", code: 202, answer: started})
		b.do(t, call{method: "GET", path: "/?format=json", code: 200, answer: notPaused})
	})
}
