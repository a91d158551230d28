package httpapi_test

import (
	"fmt"
	"net/http"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/service/servicetest"
)

// TestJournalKnowsTheRequest that a client was told of, and when it was told to come
// again.
func TestJournalKnowsTheRequest(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBench(t, db, servicetest.Options{Max: 1})
		started := b.do(t, call{method: "PUT", code: 202, answer: ".*"})
		full := b.do(t, call{method: "PUT", header: "User-Agent: other", code: 503, answer: ".*"})
		posted := b.do(t, call{method: "POST", path: "/v1/sessions", header: "Bearer:|Authorization: Bearer " + token + "|User-Agent: fifth", code: 503, answer: ".*"})
		noTLS := b.do(t, call{method: "PUT", header: "User-Agent: other|Content-Type: application/x-www-form-urlencoded", body: "ssl=true", code: 503, answer: ".*"})
		noAgent := b.do(t, call{method: "PUT", header: "User-Agent:", code: 400, answer: ".*"})
		unknown := b.do(t, call{method: "GET", path: "/nothing", header: "User-Agent: third", code: 404, answer: ".*"})
		b.api.Drain(t.Context())
		closing := b.do(t, call{method: "PUT", header: "User-Agent: fourth", code: 503, answer: ".*"})
		if err := b.Journal.Close(); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			resp *http.Response
			kind string
		}{{started, "claimed"}, {full, "refused"}, {posted, "refused"}, {noTLS, "refused"}, {noAgent, "refused"}, {closing, "refused"}} {
			id := tt.resp.Header.Get("X-Request-Id")
			list, err := journal.Why(t.Context(), b.DB, id)
			if err != nil || len(list) == 0 || list[0].Kind != tt.kind || list[0].Request != id || tt.kind == "refused" && len(list) != 1 {
				t.Errorf("of request %s: %+v, %v; want %s", id, list, err, tt.kind)
				continue
			}
			if w, ok := list[0].What.(journal.Refused); ok {
				told := ""
				if w.Retry > 0 {
					told = fmt.Sprint(w.Retry)
				}
				if header := tt.resp.Header.Get("Retry-After"); header != told {
					t.Errorf("Retry-After: %q, in the journal %q", header, told)
				}
			}
		}
		if list, err := journal.Why(t.Context(), b.DB, unknown.Header.Get("X-Request-Id")); err != nil || len(list) > 0 {
			t.Errorf("of a page that is not there: %+v, %v; want nothing, for anybody can ask for one", list, err)
		}
		if list, err := journal.Read(t.Context(), b.DB, journal.Query{Kind: "refused"}); err != nil || len(list) != 5 {
			t.Errorf("refusals: %+v, %v; want each once", list, err)
		}
	})
}
