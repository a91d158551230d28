package operator_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
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
