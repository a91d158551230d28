package torture

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/jmoiron/sqlx"
)

const (
	deadline  = 4 * time.Minute // for what must come true: far longer than it takes on a slow machine
	lookPause = 50 * time.Millisecond

	wantResting = 2 // clients, to see what becomes of their sessions
	restWait    = 2 * time.Second
)

// eventually waits until nothing is missing any more. What still is after the
// deadline are violations.
func (x *torture) eventually(ctx context.Context, missing func() []finding) {
	for begin := x.ledger.now(); ; time.Sleep(lookPause) {
		left := missing()
		if len(left) == 0 || ctx.Err() != nil {
			return
		}
		if x.ledger.now() > begin+deadline {
			for _, f := range left {
				x.ledger.violation(f.rule, f.about, "%s without trouble, and still: %s", deadline, f.text)
			}
			return
		}
	}
}

// nobodys is a finding that concerns no session.
func nobodys(rule, format string, args ...any) []finding {
	return []finding{{rule: rule, about: about{client: nobody}, text: fmt.Sprintf(format, args...)}}
}

// again repeats what the database may refuse just after a trouble: connections
// may have broken with it.
func (x *torture) again(what string, do func() error) {
	for begin := x.ledger.now(); ; time.Sleep(lookPause) {
		err := do()
		if err == nil {
			return
		}
		if x.ledger.now() > begin+deadline {
			x.t.Fatalf("%s without trouble: %v", what, err)
		}
	}
}

// calm ends all troubles and looks what one cleanup does then. Clients go on
// meanwhile, and may keep the hosts too busy to be asked: so only what a cleanup
// has done is held against it, what it has not is for the end.
func (x *torture) calm(ctx context.Context) {
	x.endAll()
	x.programs.restart()
	resting := x.holdRests()
	defer func() {
		for _, r := range resting {
			close(r.over)
		}
	}()
	var recs []*record
	for _, r := range resting {
		recs = append(recs, r.rec)
	}
	x.makeIdle(ctx, recs)
	if x.cleanUp("--timeout", "10") == 0 {
		x.checkIdleGone(ctx, recs)
	}
}

// makeIdle makes sessions look idle.
func (x *torture) makeIdle(ctx context.Context, recs []*record) {
	if len(recs) > 0 {
		x.again("make sessions look idle", func() error { _, err := x.observer.age(ctx, recs...); return err })
	}
}

// holdRests asks some clients to do nothing for as long as it takes to see what
// becomes of their sessions, and returns those that do.
func (x *torture) holdRests() []*rest {
	for i, rec := range x.ledger.alive() {
		if i%4 == 0 {
			x.nudge(rec.client, nudge{rushTime, (*client).rest})
		}
	}
	for last := time.Now().Add(restWait); x.rests.count() < wantResting && time.Now().Before(last); {
		time.Sleep(lookPause)
	}
	return x.rests.holdAll()
}

// cleanUp runs one cleanup and returns its exit status.
func (x *torture) cleanUp(args ...string) int {
	begin := x.ledger.now()
	code, out := x.programs.cleanup(args...)
	x.ledger.add(begin, about{client: nobody}, "cleanup without trouble = %d %s", code, out)
	x.ledger.count("checks", fmt.Sprint("cleanup = ", code))
	return code
}

// checkIdleGone looks for idle sessions that clients still have after a cleanup
// that left nothing out. Another cleanup may be in the middle of stopping some.
func (x *torture) checkIdleGone(ctx context.Context, recs []*record) {
	for _, rec := range recs {
		x.ledger.count("checks", "idle session is stopped")
		if left := x.left(ctx, rec); len(left) > 0 && left[0].State != "stopping" {
			x.ledger.violation("I4", rec.about, "%s was idle and is there after a cleanup", left[0])
		}
	}
}

// left returns what is left of an idle session. A request that its client gave
// up long ago may have used it just now.
func (x *torture) left(ctx context.Context, rec *record) (list []row) {
	x.again("look for an idle session", func() error {
		list = nil
		return sqlx.SelectContext(ctx, x.observer.db, &list, `
			SELECT id, state, containerHost, slot, port, token FROM sessions
			WHERE token = ? AND NOT (state = 'running' AND lastUsed > UTC_TIMESTAMP() - INTERVAL ? SECOND)`, rec.token, unused)
	})
	return list
}

// checkNonePaused looks for containers that stay paused though their rows do not
// say so. Cleanup has just repaired what those left who were killed over it.
func (x *torture) checkNonePaused(ctx context.Context) {
	x.ledger.count("checks", "none is paused unnoticed")
	var always map[string]row // paused in each reading; nil before the first
	x.eventually(ctx, func() []finding {
		r := x.observer.read(ctx)
		if !r.rows {
			return nobodys("G2", "the table cannot be read")
		}
		now := pausedUnnoticed(r)
		if always == nil {
			always = now
		}
		maps.DeleteFunc(always, func(id string, _ row) bool { _, still := now[id]; return !still })
		var found []finding
		for id, s := range always {
			found = append(found, finding{rule: "G2", about: about{nobody, s.Host, s.Token}, text: fmt.Sprintf("%s: its container %.12s is paused, and the row does not say so", s, id)})
		}
		return found
	})
}
