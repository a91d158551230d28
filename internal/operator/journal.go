package operator

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
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
	o.flush(r.Context())
	if about := values.Get("about"); about != "" {
		return o.why(r.Context(), about)
	}
	list, err := journal.Read(r.Context(), o.DB, q)
	if err != nil {
		return nil, err
	}
	return journal.Entries{Entries: append([]journal.Entry{}, list...)}, nil
}

// flushTime is how long who asks waits for what this process has noted and not written.
const flushTime = 500 * time.Millisecond

// flush has what was noted a moment ago written, which operators may be asking for. Of a
// database that takes no writes what stands there is told at once.
func (o operators) flush(ctx context.Context) {
	if _, err := o.failing(); err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	o.Journal.Flush(ctx)
}

// why tells all of one request, session or client.
func (o operators) why(ctx context.Context, about string) (any, error) {
	list, err := journal.Why(ctx, o.DB, about)
	if errors.Is(err, journal.ErrForm) {
		return nil, newProblem(http.StatusBadRequest, "bad-request", "about: "+err.Error())
	}
	told := journal.Entries{Entries: append([]journal.Entry{}, list...)}
	if err == nil && len(list) == 0 {
		told.Begins, err = journal.Oldest(ctx, o.DB)
	}
	return told, err
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
		case "after":
			if q.After, err = strconv.ParseInt(value, 10, 64); err != nil {
				return q, newProblem(http.StatusBadRequest, "bad-request", "after is no id of an entry.")
			}
		default:
			return q, newProblem(http.StatusBadRequest, "bad-request", "The journal is chosen by about, or by host, kind, since and after.")
		}
	}
	q.Since = time.Now().Add(-since)
	return q, nil
}
