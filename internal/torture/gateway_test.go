package torture

import (
	"context"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"github.com/jmoiron/sqlx"
)

// lookUnusedBriefly makes sessions look as if nobody had used them for longer
// than it takes to freeze them, and shorter than it takes to stop them.
func (x *torture) lookUnusedBriefly(ctx context.Context, a action) bool {
	recs := x.ledger.alive()
	if a.size%2 == 0 {
		recs = recs[:len(recs)/2]
	}
	return len(recs) > 0 && x.observer.setUnused(ctx, unusedTooShort, recs) == nil
}

// setUnused makes time pass for sessions that were used.
func (o *observer) setUnused(ctx context.Context, seconds int, recs []*record) error {
	var tokens []string
	for _, rec := range recs {
		tokens = append(tokens, rec.token)
		o.ledger.add(o.ledger.now(), rec.about, "session %.8s is made to look unused for %d s", rec.token, seconds)
	}
	query, args, err := sqlx.In(`UPDATE sessions SET lastUsed = UTC_TIMESTAMP() - INTERVAL ? SECOND
		WHERE state = 'running' AND lastUsed > UTC_TIMESTAMP() - INTERVAL ? SECOND AND token IN (?)`, seconds, seconds, tokens)
	if err != nil {
		return err
	}
	_, err = o.db.ExecContext(ctx, query, args...)
	return err
}

// pausedUnnoticed returns the sessions in a reading whose containers are paused, by
// container, and whose rows did not say so before and after.
func pausedUnnoticed(r reading) map[string]row {
	found := make(map[string]row)
	if !r.rows {
		return found
	}
	unfrozen := make(map[string]bool)
	for _, s := range r.before {
		unfrozen[s.Container] = s.State == "running" && !s.Frozen
	}
	for _, s := range r.after {
		for _, c := range r.containers[s.Host] {
			if c.ID == s.Container && c.Paused && unfrozen[c.ID] && s.State == "running" && !s.Frozen {
				found[c.ID] = s
			}
		}
	}
	return found
}

// lookUnused makes all sessions look as if they had not been used for long, and
// returns when.
func (x *torture) lookUnused(ctx context.Context) time.Duration {
	if recs := x.ledger.alive(); x.gateway && len(recs) > 0 {
		x.again("make sessions look unused", func() error { return x.observer.setUnused(ctx, unused, recs) })
	}
	return x.ledger.now()
}

// checkUseWritten visits all sessions, which look unused since then, through one
// gateway and stops it, after which the table must know.
func (x *torture) checkUseWritten(ctx context.Context, since time.Duration) {
	if !x.gateway {
		return
	}
	// For the gateway it must be another use, and for the table another second.
	time.Sleep(since + anotherUse - x.ledger.now())
	d := x.programs.distributors[0]
	begin := x.ledger.now()
	visited := make([]bool, len(x.clients))
	x.eachClient(func(c *client) {
		visited[c.number] = c.held != nil && c.exchange(ctx, d.gateway, "/", c.held).code == http.StatusOK
	})
	if err := x.programs.stop(d); err != nil {
		x.ledger.violation("recovery", about{client: nobody}, "%v", err)
	}
	x.ledger.add(begin, about{client: nobody}, "all were visited through %s, which was stopped then", d.name)
	for _, c := range x.clients {
		if !visited[c.number] {
			continue
		}
		x.ledger.count("checks", "use is written down")
		used := false
		x.again("look at the sessions", func() (err error) {
			used, err = x.observer.justUsed(ctx, c.held.token)
			return err
		})
		if !used && x.ledger.excuse(c.held) == "" {
			x.ledger.violation("G2", c.held.about, "client %d used its session %.8s through %s, which has ended in order and did not write that down", c.number, c.held.token, d.name)
		}
	}
}

// stop stops a daemon for good as a service manager does.
func (p *programs) stop(d *daemon) error {
	d.disturbed = true
	if d.proc == nil {
		return fmt.Errorf("%s does not run, and nothing disturbs it", d.name)
	}
	d.proc.Signal(syscall.SIGTERM)
	select {
	case <-d.proc.Done():
		d.proc = nil
		return nil
	case <-time.After(deadline):
		return fmt.Errorf("%s does not end within %s", d.name, deadline)
	}
}
