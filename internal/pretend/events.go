package pretend

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	timetypes "github.com/docker/docker/api/types/time"
)

const (
	// keptEvents is how far behind a stream may be without missing any.
	keptEvents = 4096
	// replayedEvents is how many past events an engine still knows.
	replayedEvents = 256
)

// An eventLog is what happened on a host lately. It is safe for concurrent use.
type eventLog struct {
	mu     sync.Mutex // guards what follows
	kept   []events.Message
	first  int           // number of kept[0], counted from the start of the host
	last   int64         // time of the newest, in nanoseconds
	grown  chan struct{} // closed when there is one more
	newest int           // number that the next event gets
}

func newEventLog() *eventLog { return &eventLog{grown: make(chan struct{})} }

// add appends an event and lets the streams continue. No two events get the same
// time, so that a replay can begin after any of them.
func (l *eventLog) add(kind events.Type, action events.Action, id string, attributes map[string]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = max(time.Now().UnixNano(), l.last+1)
	l.kept = append(l.kept, events.Message{
		Type:     kind,
		Action:   action,
		Actor:    events.Actor{ID: id, Attributes: attributes},
		Scope:    "local",
		Time:     l.last / int64(time.Second),
		TimeNano: l.last,
	})
	l.newest++
	if len(l.kept) == 2*keptEvents { // not at every event, for it copies them all
		l.kept = slices.Clone(l.kept[keptEvents:])
		l.first += keptEvents
	}
	close(l.grown)
	l.grown = make(chan struct{})
}

// after returns the events from number n on that are still known, the number
// that comes next, and a channel that is closed when there is more.
func (l *eventLog) after(n int) (batch []events.Message, next int, grown <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n < l.newest {
		batch = append(batch, l.kept[max(0, n-l.first):]...)
	}
	return batch, l.newest, l.grown
}

// since returns the number of the first event at or after the time since, as
// far back as an engine remembers.
func (l *eventLog) since(since int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.newest
	for n > l.first && n > l.newest-replayedEvents && l.kept[n-1-l.first].TimeNano >= since {
		n--
	}
	return n
}

// never is a time that does not come.
const never = math.MaxInt64

// An eventQuery says which events a caller asks for.
type eventQuery struct {
	since, until int64 // in nanoseconds; never: nothing from the past, and without end
	filters      filters.Args
}

func parseEventQuery(q url.Values) (eventQuery, error) {
	var e eventQuery
	var err error
	if e.filters, err = filters.FromJSON(q.Get("filters")); err != nil {
		return e, refuse(http.StatusBadRequest, "%v", err)
	}
	if e.since, err = parseTime(q.Get("since")); err != nil {
		return e, err
	}
	e.until, err = parseTime(q.Get("until"))
	return e, err
}

// parseTime reads seconds with an optional fraction. Nothing at all is never.
func parseTime(text string) (int64, error) {
	if text == "" {
		return never, nil
	}
	seconds, nanos, err := timetypes.ParseTimestamps(text, 0)
	if err != nil {
		return 0, refuse(http.StatusBadRequest, "%v", err)
	}
	return time.Unix(seconds, nanos).UnixNano(), nil
}

// matches reports whether m is one of the events asked for.
func (e eventQuery) matches(m events.Message) bool {
	f := e.filters
	return m.TimeNano <= e.until &&
		f.ExactMatch("type", string(m.Type)) &&
		f.ExactMatch("event", string(m.Action)) &&
		f.MatchKVList("label", m.Actor.Attributes) &&
		(f.FuzzyMatch("container", m.Actor.ID) || f.FuzzyMatch("container", m.Actor.Attributes["name"]))
}

// stream sends events until the time that the query names, or until the caller has
// gone.
func (l *eventLog) stream(w http.ResponseWriter, r *http.Request) error {
	query, err := parseEventQuery(r.URL.Query())
	if err != nil {
		return err
	}
	ctx := r.Context()
	if query.until != never {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, time.Unix(0, query.until))
		defer cancel()
	}
	w.Header().Set("Content-Type", "application/json")
	for next := l.since(query.since); ; {
		batch, following, grown := l.after(next)
		next = following
		if query.send(w, batch) != nil {
			return nil // the caller has gone
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return nil
		}
	}
}

// send writes those events of the batch that were asked for. It flushes even if
// there are none, so that the caller gets the header at once.
func (e eventQuery) send(w http.ResponseWriter, batch []events.Message) error {
	out := json.NewEncoder(w)
	for _, m := range batch {
		if !e.matches(m) {
			continue
		}
		if err := out.Encode(m); err != nil {
			return err
		}
	}
	return http.NewResponseController(w).Flush()
}
