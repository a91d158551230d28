package operator_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service/servicetest"
)

// TestJournalIsTold: all of the last day, what was chosen, and the tale of one client.
func TestJournalIsTold(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Hosts: 2})
		h := handler(t, k)
		s := allocate(t, k, amiga)
		if err := k.Store.Drain(t.Context(), "host1", "fan"); err != nil {
			t.Fatal(err)
		}
		if err := k.Journal.Close(); err != nil {
			t.Fatal(err)
		}
		for query, want := range map[string]string{
			"":                            "claimed started drained",
			"host=host1":                  "drained",
			"kind=started&since=90m":      "started",
			"about=192.0.2.1":             "claimed started",
			"about=192.0.2.9":             "",
			fmt.Sprintf("about=%d", s.ID): "claimed started",
		} {
			values, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			var entries struct {
				Entries []struct{ Kind, Text string }
			}
			body := get[json.RawMessage](t, h, operator.Call{Path: operator.JournalPath, Query: values})
			if err := json.Unmarshal(body, &entries); err != nil {
				t.Fatal(err)
			}
			var kinds []string
			for _, e := range entries.Entries {
				if kinds = append(kinds, e.Kind); e.Text == "" {
					t.Errorf("%s is told without a sentence", e.Kind)
				}
			}
			if got := strings.Join(kinds, " "); got != want || !strings.Contains(string(body), `"entries":[`) {
				t.Errorf("?%s tells %q, want %q", query, got, want)
			}
		}
		for query, text := range map[string]string{"hsot=a": "chosen by", "since=soon": "90m", "kind=x": "refused", "about=a+b": "want the id", "about=1&host=a": "stands alone"} {
			values, _ := url.ParseQuery(query)
			wantProblem(t, h, operator.Call{Path: operator.JournalPath, Query: values}, "bad-request", text)
		}
	})
}

// TestJournalTellsOfAMomentAgo, which is not written yet when it is asked for. On a
// machine that is busy with other things one of a few attempts has to do.
func TestJournalTellsOfAMomentAgo(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{})
		h := handler(t, k)
		for i := range 10 {
			request := journal.NewRequest()
			k.Journal.Add(journal.WithRequest(t.Context(), request), journal.Note{Client: fmt.Sprintf("192.0.2.%d", i), What: journal.Refused{Why: "full"}})
			told := get[journal.Entries](t, h, operator.Call{Path: operator.JournalPath, Query: url.Values{"about": {request}}})
			if len(told.Entries) == 1 {
				return
			}
		}
		t.Error("of ten refusals nothing is known a moment later")
	})
}
