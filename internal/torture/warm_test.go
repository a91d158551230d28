package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
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

// noteDead notes that containers are dead that were to be killed.
func (l *ledger) noteDead(tokens ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, token := range tokens {
		if rec := l.record(token); rec.dead == 0 {
			rec.dead = l.now()
		}
	}
}

func (l *ledger) deadBefore(rec *record, when time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return rec.dead > 0 && rec.dead < when
}

// notePaused notes, before it is done, that a container is paused behind the service's
// back.
func (l *ledger) notePaused(token, host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rec := l.record(token)
	rec.paused = true
	l.events = append(l.events, event{l.now(), l.now(), about{rec.client, address(host), token}, fmt.Sprintf("PAUSE of the container of %.8s on %s", token, host)})
}

func (l *ledger) isPaused(rec *record) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return rec.paused
}

// disturbWaiting kills or pauses containers that wait, which a client may be about
// to get, or makes another process keep them.
func (x *torture) disturbWaiting(ctx context.Context, s action, h host) bool {
	if s.kind == endLease {
		_, err := x.observer.db.ExecContext(ctx, `DELETE FROM leases`)
		return err == nil
	}
	for i := range x.clients {
		if (i+s.size)%leavers != 0 {
			x.nudge(i, nudge{rushTime, (*client).goAway})
		}
	}
	var found []container
	for last := x.ledger.now() + awayTime; len(found) == 0 && x.ledger.now() < last; time.Sleep(refillPause) {
		h, found = x.warmOn(ctx, slices.Index(x.hosts, h))
	}
	if len(found) == 0 {
		return false
	}
	x.rng.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	var ids, tokens []string
	for _, b := range found[:1+s.size%len(found)] {
		ids, tokens = append(ids, b.ID), append(tokens, b.Token)
		if s.kind == killWaiting {
			x.ledger.noteKilled(b.Token, h.Entry().SSH, s.kind)
		} else {
			x.ledger.notePaused(b.Token, h.Entry().SSH)
		}
	}
	if s.kind == killWaiting {
		h.Kill(ids...)
		x.ledger.noteDead(tokens...)
	} else {
		h.Pause(ids...)
	}
	for i := range x.clients {
		x.nudge(i, nudge{rushTime, (*client).start})
	}
	return true
}

// warmOn returns a host, this one if possible, and the containers that wait
// there.
func (x *torture) warmOn(ctx context.Context, first int) (host, []container) {
	if _, err := x.observer.rows(ctx); err != nil {
		return x.hosts[first], nil
	}
	for i := range x.hosts {
		h := x.hosts[(first+i)%len(x.hosts)]
		boxes, err := h.Look()
		if err != nil {
			continue
		}
		boxes = slices.DeleteFunc(boxes, func(b container) bool { return !b.Running || b.Paused || !x.ledger.waitsNow(b.Token) })
		if len(boxes) > 0 {
			return h, boxes
		}
	}
	return x.hosts[first], nil
}

// goAway ends the session and wants none for a while, so that there is room for
// containers that wait.
func (c *client) goAway(ctx context.Context) {
	c.end(ctx)
	c.wait = awayTime
}

const (
	awayTime = 1500 * time.Millisecond

	refillTime  = 25 * time.Second // to prepare what is missing
	refillPause = 50 * time.Millisecond
)

// checkRefilled looks whether as many containers wait as should: on each host at some
// time, or with nobody about on all of them at once.
func (x *torture) checkRefilled(ctx context.Context, atOnce bool) {
	if x.warm == 0 {
		return
	}
	// Whoever had the lease may have been killed: let its time pass. Who did not
	// takes it again.
	if err := again(func() error {
		_, err := x.observer.db.ExecContext(ctx, `UPDATE leases SET expires = UTC_TIMESTAMP()`)
		return err
	}); err != nil {
		x.t.Errorf("end a lease while all is well: %v", err)
		return
	}
	begin, done := x.ledger.now(), make(map[string]bool)
	for ; ctx.Err() == nil; time.Sleep(refillPause) {
		x.programs.restart()
		rows, err := x.observer.rows(ctx)
		if err != nil {
			continue
		}
		if atOnce {
			clear(done)
		}
		for i, h := range x.hosts {
			done[h.Entry().SSH] = done[h.Entry().SSH] || x.hasRefilled(h.Entry().SSH, x.limits[i], rows)
		}
		missing := ""
		for host, ok := range done {
			if !ok {
				missing += " " + host
			}
		}
		if missing == "" {
			x.ledger.count("checks", "as many wait as should")
			x.ledger.add(begin, about{client: nobody}, "as many containers wait as should")
			return
		}
		if x.ledger.now() > begin+refillTime {
			x.ledger.violation("W2", about{client: nobody}, "%s after all is well too few containers wait on%s: %v", refillTime, missing, rows)
			return
		}
	}
}

// hasRefilled reports whether a host has all that should wait there, or no room.
func (x *torture) hasRefilled(host string, limit int, rows []row) bool {
	taken := make(map[int]bool)
	for _, s := range x.observer.allForeign() {
		if s.host == host && s.port >= startPort && s.port < startPort+limit {
			taken[s.port] = true
		}
	}
	all, warm := 0, 0
	for _, s := range rows {
		if s.Host == host {
			all++
		}
		if s.Host == host && s.State == "warm" {
			warm++
		}
	}
	return warm == x.warm || all >= min(limit, limit-len(taken)+extraPorts)
}
