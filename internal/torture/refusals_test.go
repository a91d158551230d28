package torture

import (
	"regexp"
	"strings"
	"time"
)

// A refusal is a PUT that was told that everything is full.
type refusal struct {
	client int
	answer
}

// requestName is what an answer says of the log.
var requestName = regexp.MustCompile(`<p>Request ([A-Z0-9]+)</p>`)

// refuse notes a refusal, which the next look at the table settles.
func (l *ledger) refuse(r refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refusals = append(l.refusals, r)
}

// settle looks at the refusals that were over when the table was asked for these
// rows. A container that waited before such a request and waits now did so all
// the time: none begins to wait twice. It was there for the client, if the
// distributor says itself that its host was well, and full.
func (l *ledger) settle(asked time.Duration, rows []row) {
	for _, r := range l.settled(asked) {
		for _, s := range rows {
			if !s.waits() || !l.waitedBefore(s.Token, r.begin) || l.disturbed(r.begin, r.end) {
				continue
			}
			l.count("checks", "refusal while a container waits")
			name := requestName.FindStringSubmatch(r.body)
			if name == nil {
				continue
			}
			if why := l.said(name[1]); strings.Contains(why, s.Host+": full ") {
				l.violation("W1", about{r.client, s.Host, s.Token}, "client %d is refused though there is %s: %s", r.client, s, why)
			}
		}
	}
}

// settled takes the refusals off the list that were over at a time.
func (l *ledger) settled(asked time.Duration) []refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	var over, later []refusal
	for _, r := range l.refusals {
		if r.end < asked {
			over = append(over, r)
		} else {
			later = append(later, r)
		}
	}
	l.refusals = later
	return over
}

func (l *ledger) waitedBefore(token string, when time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	since, ok := l.waiting[token]
	return ok && since < when
}

// waitsNow reports whether a container was seen to wait when the table was looked
// at last.
func (l *ledger) waitsNow(token string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rows[token].State == "warm"
}
