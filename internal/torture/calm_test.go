package torture

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

const (
	deadline  = 2 * time.Minute // for what must come true: far longer than it takes on a slow machine
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

// calm ends all troubles and looks what one cleanup does then: sessions that
// nobody uses must go, and containers without a session. Clients go on meanwhile.
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
	old := time.Now().Add(-orphanGrace - recordGrace)
	var orphans map[string]container
	x.again("make sessions look idle", func() (err error) {
		if len(recs) > 0 {
			_, err = x.observer.age(ctx, recs...)
		}
		if err == nil {
			orphans, err = x.observer.unknown(ctx, old)
		}
		return err
	})
	x.cleanUp(ctx, "I4", "--timeout", "10")
	x.checkIdleGone(ctx, recs)
	x.checkOrphansGone(ctx, orphans)
	x.checkNonePaused(ctx)
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

// cleanUp runs cleanups until one says that it has done its work. The first may
// meet what a trouble has just left, as an engine that is still busy.
func (x *torture) cleanUp(ctx context.Context, rule string, args ...string) {
	x.eventually(ctx, func() []finding {
		begin := x.ledger.now()
		code, out := x.programs.cleanup(args...)
		x.ledger.add(begin, about{client: nobody}, "cleanup without trouble = %d %s", code, out)
		x.ledger.count("checks", fmt.Sprint("cleanup = ", code))
		if code == 0 {
			return nil
		}
		return nobodys(rule, "cleanup %s ends with %d and says:\n%s", strings.Join(args, " "), code, out)
	})
}

// checkIdleGone looks for idle sessions that are still there after a cleanup.
// Another cleanup may have got them first, and be in the middle of it.
func (x *torture) checkIdleGone(ctx context.Context, recs []*record) {
	for _, rec := range recs {
		x.ledger.count("checks", "idle session is gone")
		x.eventually(ctx, func() []finding {
			left := x.left(ctx, rec)
			if len(left) == 0 {
				return nil
			}
			found := finding{rule: "I4", about: rec.about, text: fmt.Sprintf("%s was idle and is there after a cleanup", left[0])}
			if left[0].State == "stopping" {
				return []finding{found}
			}
			x.ledger.violation(found.rule, found.about, "%s", found.text)
			return nil
		})
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

// checkOrphansGone looks for containers that had no row before a cleanup and are
// still there. Another cleanup may be about to remove them.
func (x *torture) checkOrphansGone(ctx context.Context, before map[string]container) {
	for range before {
		x.ledger.count("checks", "orphan is gone")
	}
	x.eventually(ctx, func() []finding {
		after, err := x.observer.unknown(ctx, time.Now())
		if err != nil {
			return nobodys("I5", "orphans cannot be looked for: %v", err)
		}
		var found []finding
		for name, c := range before {
			if _, there := after[name]; there {
				found = append(found, finding{rule: "I5", about: about{nobody, "", c.Token}, text: fmt.Sprintf("container %s has no row, is older than the grace time, and there after a cleanup", name)})
			}
		}
		return found
	})
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
