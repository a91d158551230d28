package torture

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// A ledger is what was done and seen so far: the clients' log, the troubles that
// were made, and what was found wrong. It is safe for concurrent use.
type ledger struct {
	began time.Time
	out   io.Writer
	logs  func(session int64) []string // what the programs said of a session
	said  func(request string) string  // what they said of a refused request

	private bool // sessions are reached through gateways: an address says nothing of the host

	mu         sync.Mutex // guards what follows, and the records
	events     []event
	troubles   []*trouble
	records    map[string]*record       // by token
	rows       map[string]row           // as they were seen last, by token
	waiting    map[string]time.Duration // since when containers were seen to wait, by token
	refusals   []refusal                // that were not looked at yet
	answerers  map[string]string        // which container answered for a token, and the other way round
	counts     map[string]map[string]int
	violations int
}

func newLedger(out io.Writer) *ledger {
	return &ledger{
		began: time.Now(), out: out, logs: func(int64) []string { return nil }, said: func(string) string { return "" },
		records: make(map[string]*record), rows: make(map[string]row),
		waiting: make(map[string]time.Duration), answerers: make(map[string]string),
		counts: make(map[string]map[string]int),
	}
}

// nobody is the client of what concerns none or all.
const nobody = -1

// An about says what something concerns. Empty fields say nothing.
type about struct {
	client int
	host   string
	token  string
}

// An event is a line of the history.
type event struct {
	begin, end time.Duration // since the beginning
	about
	text string
}

// A trouble is something that was done to the service. While it lasts, and in
// some cases for a while after, answers may be worse than usual.
type trouble struct {
	kind    string
	host    string // empty: it concerns all
	cutsOff bool   // nobody reaches the host's containers
	begin   time.Duration
	end     time.Duration // zero while it lasts
}

// address takes the port off a CONTAINER_HOSTS entry or an address.
func address(text string) string {
	host, _, _ := strings.Cut(text, ":")
	return host
}

func (l *ledger) now() time.Duration { return time.Since(l.began) }

func (l *ledger) add(begin time.Duration, a about, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, event{begin, l.now(), a, fmt.Sprintf(format, args...)})
}

// count counts something in a group: answers, troubles, checks.
func (l *ledger) count(group, what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally(group, what)
}

// tally is count. The mutex is held.
func (l *ledger) tally(group, what string) {
	if l.counts[group] == nil {
		l.counts[group] = make(map[string]int)
	}
	l.counts[group][what]++
}

// sum returns the groups' counts in one line, the same every time.
func (l *ledger) sum(group string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var parts []string
	total := 0
	for _, what := range slices.Sorted(maps.Keys(l.counts[group])) {
		n := l.counts[group][what]
		parts, total = append(parts, fmt.Sprintf("%s: %d", what, n)), total+n
	}
	return fmt.Sprintf("%d (%s)", total, strings.Join(parts, ", "))
}

// stopTime is how long a distributor that was told to stop may go on.
const stopTime = 6 * time.Second

// begin notes a trouble; the caller says when it ends.
func (l *ledger) begin(kind, host string, cutsOff bool) *trouble {
	l.mu.Lock()
	defer l.mu.Unlock()
	host = address(host)
	tr := &trouble{kind: kind, host: host, cutsOff: cutsOff, begin: l.now()}
	l.troubles = append(l.troubles, tr)
	l.events = append(l.events, event{tr.begin, tr.begin, about{nobody, host, ""}, "TROUBLE begins: " + kind})
	return tr
}

func (l *ledger) finish(tr *trouble) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tr.end = l.now()
	l.events = append(l.events, event{tr.begin, tr.end, about{nobody, tr.host, ""}, "trouble is over: " + tr.kind})
}

// troubled reports whether there was trouble that matches between two times.
func (l *ledger) troubled(from, to time.Duration, matches func(*trouble) bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, tr := range l.troubles {
		end := tr.end
		if tr.kind == stopDistributor {
			end += stopTime // what is under way may finish
		}
		if tr.kind == leaveHost {
			end += reloadTime
		}
		if tr.begin <= to && (tr.end == 0 || end >= from) && matches(tr) {
			return true
		}
	}
	return false
}

// cutOff reports whether a host's containers could not be reached for a while.
// A host that is not known may be any.
func (l *ledger) cutOff(host string, from, to time.Duration) bool {
	return l.troubled(from, to, func(tr *trouble) bool { return tr.cutsOff && (host == "" || tr.host == address(host)) })
}

// disturbed reports whether a distributor or the database was disturbed between two
// times, so that what was done may not have been known to be done.
func (l *ledger) disturbed(from, to time.Duration) bool {
	return l.troubled(from, to, func(tr *trouble) bool {
		return slices.Contains([]string{killDistributor, stopDistributor, freezeDistributor, killDatabase, stopDatabase, freezeDatabase}, tr.kind)
	})
}

const (
	historyLength = 40 * time.Second
	historyLines  = 60
	printed       = 3 // violations whose history is printed
)

// violation says what is wrong, and all that is known of how it came.
func (l *ledger) violation(rule string, a about, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.violations++
	if l.violations > printed {
		return
	}
	now := l.now()
	a.host = address(a.host)
	fmt.Fprintf(l.out, "\nVIOLATION of %s after %.3fs: %s\n", rule, now.Seconds(), fmt.Sprintf(format, args...))
	var lines []event
	for _, e := range l.events {
		if e.end > now-historyLength && e.concerns(a) {
			lines = append(lines, e)
		}
	}
	slices.SortStableFunc(lines, func(x, y event) int { return cmp.Compare(x.begin, y.begin) })
	for _, e := range lines[max(0, len(lines)-historyLines):] {
		fmt.Fprintf(l.out, "  %8.3fs–%8.3fs %s\n", e.begin.Seconds(), e.end.Seconds(), e.text)
	}
	if s, ok := l.rows[a.token]; ok {
		fmt.Fprintf(l.out, "  the programs on session %d:\n", s.ID)
		for _, line := range l.logs(s.ID) {
			fmt.Fprintln(l.out, "   ", line)
		}
	}
}

// concerns reports whether an event belongs to the history of something.
func (e event) concerns(a about) bool {
	switch {
	case a.client != nobody && e.client == a.client, a.token != "" && e.token == a.token:
		return true
	case e.client != nobody || e.token != "":
		return false
	}
	return e.host == "" || a.host != "" && e.host == a.host // what was done to all, or to the host
}

func (l *ledger) wrong() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.violations
}
