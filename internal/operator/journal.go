package operator

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"wrpdistributor/internal/journal"
)

// JournalPath is where [journal.Entries] are.
const JournalPath = "/v1/admin/journal"

// usualSince is how far back the journal is told unless somebody wants more.
const usualSince = 24 * time.Hour

func (o operators) journal(_ http.ResponseWriter, r *http.Request) (any, error) {
	values := r.URL.Query()
	q, err := parseJournalQuery(values)
	if err != nil {
		return nil, err
	}
	var list []journal.Entry
	if about := values.Get("about"); about != "" {
		list, err = journal.Why(r.Context(), o.DB, about)
	} else {
		list, err = journal.Read(r.Context(), o.DB, q)
	}
	if errors.Is(err, journal.ErrForm) {
		return nil, newProblem(http.StatusBadRequest, "bad-request", "about: "+err.Error())
	}
	if err != nil {
		return nil, err
	}
	return journal.Entries{Entries: append([]journal.Entry{}, list...)}, nil
}

// parseJournalQuery reads a query. One that nobody reads is refused: it would tell more
// than was meant.
func parseJournalQuery(values url.Values) (q journal.Query, err error) {
	since := usualSince
	for name, v := range values {
		switch value := v[len(v)-1]; name {
		case "about":
			if len(values) > 1 {
				return q, newProblem(http.StatusBadRequest, "bad-request", "about tells all of one request, session or client, and stands alone.")
			}
		case "host":
			q.Host = value
		case "kind":
			if q.Kind = value; !slices.Contains(journal.Kinds(), value) {
				return q, newProblem(http.StatusBadRequest, "bad-request", "kind is not one of "+strings.Join(journal.Kinds(), ", ")+".")
			}
		case "since":
			if since, err = time.ParseDuration(value); err != nil || since <= 0 {
				return q, newProblem(http.StatusBadRequest, "bad-request", "since is no time such as 90m.")
			}
		default:
			return q, newProblem(http.StatusBadRequest, "bad-request", "The journal is chosen by about, or by host, kind and since.")
		}
	}
	q.Since = time.Now().Add(-since)
	return q, nil
}
