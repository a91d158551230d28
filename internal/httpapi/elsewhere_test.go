package httpapi_test

import (
	"strings"
	"testing"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestGatewaySessionWithoutGateway: a client whose session began behind a gateway asks a
// process without one. It is told where the gateway is, or was, and gets another session
// only when none was seen for five minutes.
func TestGatewaySessionWithoutGateway(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBench(t, db, servicetest.Options{})
		behind := *b.Config
		behind.Gateway = config.Gateway{Listen: ":8088", Address: "gw.example:8088"}
		other := servicetest.Open(t, db, &behind)
		if _, _, err := other.Sessions.Allocate(t.Context(), session.Client{IP: "127.0.0.1", UserAgent: "AmiFox"}, false); err != nil {
			t.Fatal(err)
		}
		exec := func(statement string, args ...any) {
			t.Helper()
			if _, err := db.Exec(statement, args...); err != nil {
				t.Fatal(err)
			}
		}
		put := func(code int, answer, headers string) {
			t.Helper()
			b.do(t, call{method: "PUT", code: code, answer: answer, headers: headers})
		}
		if err := db.Register(t.Context(), b.Process); err != nil {
			t.Fatal(err)
		}
		put(503, page, "Retry-After: ")
		if err := db.Register(t.Context(), other.Process); err != nil {
			t.Fatal(err)
		}
		elsewhere := `(?s)X-Wrp-Token: [0-9a-f]{40}\r\n.*X-Wrp-Url: gw.example:8088\r\n`
		put(204, "", elsewhere)
		if err := db.EndProcess(t.Context(), other.Process.ID); err != nil {
			t.Fatal(err)
		}
		put(204, "", elsewhere)
		exec(`UPDATE processes SET seen = `+db.SecondsAgo()+` WHERE id = ?`, 301, other.Process.ID)
		put(204, "", elsewhere) // this process has not looked for long enough
		exec(`UPDATE processes SET steady = `+db.SecondsAgo()+` WHERE id = ?`, 301, b.Process.ID)
		put(202, started, "")
		put(204, "", given)
		if b.Running() != 1 {
			t.Errorf("%d containers run, want that of the direct session", b.Running())
		}
	})
}

// TestPlainGatewayKnowsNoWayForTLS: a gateway of another kind is none.
func TestPlainGatewayKnowsNoWayForTLS(t *testing.T) {
	db := databasetest.New(t)
	b := newBench(t, db, servicetest.Options{Gateway: true})
	behind := *b.Config
	behind.Gateway.TLSListen, behind.Gateway.TLSAddress = ":8443", ":8443"
	other := servicetest.Open(t, db, &behind)
	if _, _, err := other.Sessions.Allocate(t.Context(), session.Client{IP: "127.0.0.1", UserAgent: "AmiFox"}, true); err != nil {
		t.Fatal(err)
	}
	b.do(t, call{method: "PUT", body: "ssl=1", code: 503, answer: page, headers: "Retry-After: "})
	if err := db.Register(t.Context(), other.Process); err != nil {
		t.Fatal(err)
	}
	resp := b.do(t, call{method: "PUT", body: "ssl=1", code: 204})
	if got := resp.Header.Get("X-Wrp-Url"); !strings.HasSuffix(got, ":8443") || strings.HasPrefix(got, ":") {
		t.Errorf("X-Wrp-Url = %q, want the name by which we are reached, and the port", got)
	}
}
