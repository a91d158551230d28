package gateway_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/journal"
)

// TestRefusalsAreInTheJournal under the ids that the pages have: of a session, once for a
// reason; of nobody's token nothing but a line in the log.
func TestRefusalsAreInTheJournal(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	w, err := journal.NewWriter(journal.Config{DB: db, Process: database.NewProcessID(), Program: "distributor", Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	b := newBench(t, db, options{Config: gateway.Config{Journal: w}})
	s := allocate(t, b.Kit, amiga)
	refused := func(path, token string, code int) (id string) {
		a := ask(t, "GET", b.url+path, "Bearer: "+token)
		wants(t, path, a.StatusCode, code)
		return a.Header.Get("X-Request-Id")
	}
	guess := refused("/", strings.Repeat("x", 32), 401)
	b.log.wants(t, "request="+guess)
	wants(t, "an ordinary page", b.get(t, "/", s.Token), 200)
	must(t, b.Sessions.Stop(t.Context(), amiga))
	first, second := refused("/", s.Token, 410), refused("/", s.Token, 410)
	must(t, w.Close())
	for id, want := range map[string]int{guess: 0, first: 1, second: 1} {
		list, err := journal.Why(t.Context(), db, id)
		must(t, err)
		list = slices.DeleteFunc(list, func(e journal.Entry) bool { return e.Kind != "gateway-refused" }) // the rest is the session's
		if len(list) != want || want == 1 && (list[0].Session != s.ID || list[0].Times != 2 || !strings.Contains(list[0].Text, "refused a request with 410: session has ended")) {
			t.Errorf("of %s is told %+v; want %d entries, of both requests", id, list, want)
		}
	}
}

func (l *logged) wants(t *testing.T, text string) {
	t.Helper()
	eventually(t, text, func() bool { return l.count(text) > 0 })
}
