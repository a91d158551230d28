package torture

import (
	"context"
	"fmt"
	"slices"
	"time"
)

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
func (x *torture) disturbWaiting(ctx context.Context, a action, h host) bool {
	if a.kind == endLease {
		_, err := x.observer.db.ExecContext(ctx, `DELETE FROM leases`)
		return err == nil
	}
	for i := range x.clients {
		if (i+a.size)%leavers != 0 {
			x.nudge(i, nudge{rushTime, (*client).goAway})
		}
	}
	var found []container
	for last := x.ledger.now() + awayTime; len(found) == 0 && x.ledger.now() < last; time.Sleep(lookPause) {
		h, found = x.warmOn(ctx, slices.Index(x.hosts, h))
	}
	if len(found) == 0 {
		return false
	}
	x.rng.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	var ids, tokens []string
	for _, c := range found[:1+a.size%len(found)] {
		ids, tokens = append(ids, c.ID), append(tokens, c.Token)
		if a.kind == killWaiting {
			x.ledger.noteKilled(c.Token, h.Entry().Name, a.kind)
		} else {
			x.ledger.notePaused(c.Token, h.Entry().Name)
		}
	}
	if a.kind == killWaiting {
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
		found, err := h.Look()
		if err != nil {
			continue
		}
		found = slices.DeleteFunc(found, func(c container) bool { return !c.Running || c.Paused || !x.ledger.waitsNow(c.Token) })
		if len(found) > 0 {
			return h, found
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

const awayTime = 1500 * time.Millisecond

// checkRefilled looks whether as many containers wait as should, on all hosts at
// once. No client must be about.
func (x *torture) checkRefilled(ctx context.Context) {
	if x.warm == 0 {
		return
	}
	// Whoever had the lease may have been killed: let its time pass. Who did not
	// takes it again.
	x.again("end the lease", func() error {
		_, err := x.observer.db.ExecContext(ctx, `UPDATE leases SET expires = UTC_TIMESTAMP()`)
		return err
	})
	x.ledger.count("checks", "as many wait as should")
	x.eventually(ctx, func() []finding {
		x.programs.restart()
		rows, err := x.observer.rows(ctx)
		if err != nil {
			return nobodys("W2", "the table cannot be read: %v", err)
		}
		var found []finding
		for i, h := range x.hosts {
			if host := h.Entry().Name; !x.hasRefilled(host, x.limits[i], rows) {
				found = append(found, finding{rule: "W2", about: about{nobody, host, ""}, text: fmt.Sprintf("too few containers wait on %s: %v", host, rows)})
			}
		}
		return found
	})
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
