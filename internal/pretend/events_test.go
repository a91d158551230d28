package pretend

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
)

// tell formats an event: its action, the container, and how it ended.
func tell(m events.Message) string {
	s := string(m.Action) + " " + m.Actor.Attributes["name"]
	if code, ok := m.Actor.Attributes["exitCode"]; ok {
		s += " " + code
	}
	if signal, ok := m.Actor.Attributes["signal"]; ok {
		s += " " + signal
	}
	return s
}

func tellAll(all []events.Message) string {
	var s []string
	for _, m := range all {
		s = append(s, tell(m))
	}
	return strings.Join(s, ", ")
}

func TestEventFilters(t *testing.T) {
	_, c := ready(t)
	label := "made-by=" + t.Name()
	a := launch(t, c, "one", nil)
	b := launch(t, c, "two", nil)
	if err := errors.Join(c.ContainerKill(t.Context(), a, ""), c.ContainerKill(t.Context(), b, "")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ filters, want string }{
		{"", "create one, start one, create two, start two, kill one 9, die one 137, kill two 9, die two 137"},
		{"event die", "die one 137, die two 137"},
		{"event die event start", "start one, start two, die one 137, die two 137"},
		{"event die container one", "die one 137"},
		{"event die container " + b, "die two 137"},
		{"event die label " + label, "die one 137, die two 137"},
		{"event die label made-by=somebody", ""},
		{"event die type container", "die one 137, die two 137"},
		{"type image", ""},
	} {
		if got := tellAll(past(t, c, "0", stampNow(), tt.filters)); got != tt.want {
			t.Errorf("events %q = %s, want %s", tt.filters, got, tt.want)
		}
	}
}

// past returns the events between two times.
func past(t *testing.T, c *client.Client, since, until, filter string) (all []events.Message) {
	t.Helper()
	options := events.ListOptions{Since: since, Until: until, Filters: filters.NewArgs()}
	for f := strings.Fields(filter); len(f) > 0; f = f[2:] {
		options.Filters.Add(f[0], f[1])
	}
	messages, errs := c.Events(t.Context(), options)
	for {
		select {
		case m := <-messages:
			all = append(all, m)
		case <-errs:
			return all
		}
	}
}

func stampNow() string { return seconds(time.Now().UnixNano()) }

func seconds(nanos int64) string { return fmt.Sprintf("%d.%09d", nanos/1e9, nanos%1e9) }

// TestReplay continues where a broken connection ended.
func TestReplay(t *testing.T) {
	_, c := ready(t)
	launch(t, c, "aa", nil)
	all := past(t, c, "0", stampNow(), "")
	last := all[len(all)-1]
	launch(t, c, "bb", nil)
	if got, want := tellAll(past(t, c, seconds(last.TimeNano), stampNow(), "")), "start aa, create bb, start bb"; got != want {
		t.Errorf("since the last one = %s, want %s", got, want)
	}
	if got, want := tellAll(past(t, c, seconds(last.TimeNano+1), stampNow(), "")), "create bb, start bb"; got != want {
		t.Errorf("after the last one = %s, want %s", got, want)
	}
	if got, want := tellAll(past(t, c, "0", seconds(last.TimeNano), "")), "create aa, start aa"; got != want {
		t.Errorf("until the last one = %s, want %s", got, want)
	}
}

// TestEventLogIsBounded checks how far back an engine remembers, and that a caller
// who reads all the time misses nothing.
func TestEventLogIsBounded(t *testing.T) {
	l := newEventLog()
	next, heard := 0, 0
	for i := range 2*keptEvents + 5 {
		l.add(events.ContainerEventType, events.ActionDie, strconv.Itoa(i), nil)
		if i%1000 == 0 {
			var batch []events.Message
			batch, next, _ = l.after(next)
			heard += len(batch)
		}
	}
	batch, _, _ := l.after(next)
	if heard += len(batch); heard != 2*keptEvents+5 {
		t.Errorf("a reader got %d events, want %d", heard, 2*keptEvents+5)
	}
	replay, newest, _ := l.after(l.since(0))
	if len(replay) != replayedEvents || replay[len(replay)-1].Actor.ID != strconv.Itoa(newest-1) {
		t.Errorf("%d events replayed, want %d", len(replay), replayedEvents)
	}
	if n := len(l.kept); n < keptEvents || n >= 2*keptEvents {
		t.Errorf("%d events kept, want at least %d and less than twice that", n, keptEvents)
	}
	if late, _, _ := l.after(0); len(late) != len(l.kept) {
		t.Errorf("one who never read gets %d, want %d", len(late), len(l.kept))
	}
	for i, m := range l.kept[1:] {
		if m.TimeNano <= l.kept[i].TimeNano {
			t.Fatalf("event %d is not later than the one before", i)
		}
	}
}

func TestBadEventQueries(t *testing.T) {
	_, c := ready(t)
	for _, query := range []string{"since=yesterday", "until=x", "filters=x", "since=9999999999999999999999"} {
		if code, _ := rawRequest(t, c, "GET", "/events?"+query, ""); code != 400 {
			t.Errorf("GET /events?%s = %d", query, code)
		}
	}
}
