package torture

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// A record is a session as its client was told of it.
type record struct {
	about
	url     string        // empty: no client was told of it
	killed  bool          // its container was ended behind the service's back
	dead    time.Duration // when that was done; zero: not yet
	paused  bool          // its container was paused behind the service's back
	aged    time.Duration // since when it counts as idle; zero: it does not
	deleted bool          // its client asked for its end
	settled time.Duration // when all its client's requests for that were answered; zero: not all were
	ended   time.Duration // when its client was told that it has ended; zero: it was not
}

// handedOver returns the record of a session that a client was told of.
func (l *ledger) handedOver(client int, url, token string) *record {
	l.mu.Lock()
	defer l.mu.Unlock()
	rec := l.record(token)
	if rec.url == "" {
		rec.client, rec.url = client, url
		if !l.private {
			rec.host = address(url)
		}
		if _, waited := l.waiting[token]; waited {
			l.tally("seen", "waiting container taken")
		}
	}
	return rec
}

// record returns the record of a token. The mutex is held.
func (l *ledger) record(token string) *record {
	rec := l.records[token]
	if rec == nil {
		rec = &record{about: about{nobody, address(l.rows[token].Host), token}}
		l.records[token] = rec
	}
	return rec
}

// noteKilled notes, before it is done, that a container is ended behind the
// service's back.
func (l *ledger) noteKilled(token, host, how string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rec := l.record(token)
	rec.killed = true
	l.events = append(l.events, event{l.now(), l.now(), about{rec.client, address(host), token}, fmt.Sprintf("KILL of the container of %.8s on %s: %s", token, host, how)})
}

// wasKilled reports whether a container was ended behind the service's back.
func (l *ledger) wasKilled(token string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.records[token] != nil && l.records[token].killed
}

// set changes a record.
func (l *ledger) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// excuse says why a session may have ended. Empty: it must not have.
func (l *ledger) excuse(rec *record) string {
	if why := l.accident(rec); why != "" {
		return why
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if rec.deleted {
		return "its client ended it"
	}
	return ""
}

// accident is an excuse that its client has nothing to do with.
func (l *ledger) accident(rec *record) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case rec.killed:
		return "its container was killed"
	case rec.aged > 0:
		return "it was idle"
	}
	return ""
}

// noteAged notes that sessions are about to be made to look idle, and returns what
// to call when that is done.
func (l *ledger) noteAged(recs ...*record) (done func()) {
	set := func(when time.Duration) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, rec := range recs {
			rec.aged = when
			l.events = append(l.events, event{l.now(), l.now(), rec.about, fmt.Sprintf("session %.8s is made to look idle", rec.token)})
		}
	}
	set(math.MaxInt64)
	return func() { set(l.now()) }
}

// noteUsed notes that a session was used by a request that began at that time:
// from then on it must not be stopped.
func (l *ledger) noteUsed(rec *record, begin time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if begin > rec.aged {
		rec.aged = 0
	}
}

func (l *ledger) isAged(rec *record) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return rec.aged > 0
}

// alive returns the sessions that clients were told of and that should be
// there, in the order of their tokens.
func (l *ledger) alive() []*record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []*record
	for _, token := range slices.Sorted(maps.Keys(l.records)) {
		if rec := l.records[token]; rec.url != "" && !rec.killed && !rec.deleted && rec.aged == 0 {
			list = append(list, rec)
		}
	}
	return list
}

// hostOf returns where a session is, as far as is known: behind a gateway only
// the table tells.
func (l *ledger) hostOf(rec *record) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return rec.host
}

// endedBefore reports whether a session's client was told of its end before a
// time.
func (l *ledger) endedBefore(rec *record, when time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return rec.ended > 0 && rec.ended < when
}

// noteRow remembers a row, and writes down what has changed.
func (l *ledger) noteRow(s row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.rows[s.Token]
	if before.String() != s.String() {
		l.rows[s.Token] = s
		l.noteChange(before, s)
		l.events = append(l.events, event{l.now(), l.now(), about{nobody, "", s.Token}, fmt.Sprintf("seen: %s, container %.12s", s, s.Container)})
	}
}

// noteChange notes what follows from a change of a row. The mutex is held.
func (l *ledger) noteChange(before, now row) {
	if rec := l.records[now.Token]; rec != nil {
		rec.host = address(now.Host)
	}
	if _, known := l.waiting[now.Token]; !known && now.waits() {
		l.waiting[now.Token] = l.now()
	}
	switch {
	case now.State == "warm" && before.State != "warm":
		l.tally("seen", "waiting")
	case now.Frozen && !before.Frozen:
		l.tally("seen", "frozen")
	case before.Frozen && !now.Frozen:
		l.tally("seen", "unfrozen")
	}
}
