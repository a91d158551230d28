package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
	"golang.org/x/sync/errgroup"
)

// calm mends everything and looks what one cleanup does then: sessions that
// nobody uses must go, and what nobody knows. Clients go on meanwhile.
func (x *torture) calm(ctx context.Context) {
	x.endAll()
	x.programs.restart()
	for i, rec := range x.ledger.alive() {
		if i%4 == 0 {
			x.nudge(rec.client, nudge{rushTime, (*client).rest})
		}
	}
	for last := time.Now().Add(restWait); x.rests.count() < wantResting && time.Now().Before(last); {
		time.Sleep(20 * time.Millisecond)
	}
	resting := x.rests.holdAll()
	defer func() {
		for _, n := range resting {
			close(n.over)
		}
	}()
	var recs []*record
	for _, n := range resting {
		recs = append(recs, n.rec)
	}
	old := time.Now().Add(-orphanGrace - recordGrace)
	var orphans map[string]container
	err := again(func() (err error) {
		if len(recs) > 0 {
			_, err = x.observer.age(ctx, recs...)
		}
		if err == nil {
			orphans, err = x.observer.unknown(ctx, old)
		}
		return err
	})
	if err != nil {
		x.t.Errorf("look at the table while all is well: %v", err)
		return
	}
	begin := x.ledger.now()
	code, out := x.programs.cleanup("--timeout", "10")
	x.ledger.add(begin, about{client: nobody}, "cleanup while all is well = %d %s", code, out)
	if code != 0 {
		x.ledger.violation("I4", about{client: nobody}, "cleanup ends with %d while all is well and says:\n%s", code, out)
		return
	}
	x.checkIdleGone(ctx, recs)
	x.checkOrphansGone(ctx, orphans)
	x.checkNonePaused(ctx)
	if x.duration >= longRun {
		x.checkRefilled(ctx, false)
	}
}

const (
	wantResting = 2 // clients, to see what becomes of their sessions
	restWait    = 2 * time.Second

	otherCleanup = 10 * time.Second // that stops a session at the same time
)

// again repeats what may find a connection that broke with the last trouble.
func again(do func() error) error {
	var err error
	for range 3 {
		if err = do(); err == nil || !errors.Is(err, mysql.ErrInvalidConn) {
			return err
		}
	}
	return err
}

// checkIdleGone looks for sessions that are still there. Another cleanup may have
// got them first, and be in the middle of it.
func (x *torture) checkIdleGone(ctx context.Context, recs []*record) {
	for _, rec := range recs {
		left, err := x.left(ctx, rec)
		for last := time.Now().Add(otherCleanup); err == nil && left != nil && left.State == "stopping" && time.Now().Before(last); {
			time.Sleep(20 * time.Millisecond)
			left, err = x.left(ctx, rec)
		}
		if err != nil {
			x.t.Errorf("look at the table while all is well: %v", err)
			return
		}
		x.ledger.count("checks", "idle session is gone")
		if left != nil {
			x.ledger.violation("I4", rec.about, "%s was idle and is still there after a cleanup while all is well", left)
		}
	}
}

// left returns what is left of an idle session, nil if it is nothing. A request
// that its client gave up long ago may have used it just now.
func (x *torture) left(ctx context.Context, rec *record) (*row, error) {
	var list []row
	err := again(func() error {
		return sqlx.SelectContext(ctx, x.observer.db, &list, `
			SELECT id, state, containerHost, slot, port, token FROM sessions
			WHERE token = ? AND NOT (state = 'running' AND lastUsed > UTC_TIMESTAMP() - INTERVAL 1 MINUTE)`, rec.token)
	})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

func (x *torture) checkOrphansGone(ctx context.Context, before map[string]container) {
	after, err := x.observer.unknown(ctx, time.Now())
	if err != nil {
		x.t.Errorf("look for orphans while all is well: %v", err)
		return
	}
	for name, b := range before {
		x.ledger.count("checks", "orphan is gone")
		if _, there := after[name]; there {
			x.ledger.violation("I5", about{nobody, "", b.Token}, "container %s has no row, is older than the grace time, and still there after a cleanup", name)
		}
	}
}

const (
	parallel = 8 // clients that are asked at the end
	leavers  = 3 // one of so many ends its session then
)

// finish mends everything for good, looks whether the service recovers, kills
// its programs, and lets one cleanup put in order what they leave.
func (x *torture) finish(ctx context.Context) {
	fmt.Fprintf(x.out, "%5.0fs: all is mended, and looked at\n", x.ledger.now().Seconds())
	x.endAll()
	if err := x.programs.awaitReady(); err != nil {
		x.ledger.violation("recovery", about{client: nobody}, "%v", err)
	}
	x.eachClient(func(c *client) {
		if c.held != nil {
			c.start(ctx)
		}
		if c.held != nil {
			c.look(ctx)
		}
		if c.held != nil && x.warm > 0 && c.number%leavers == 0 {
			c.end(ctx) // so that there is room for containers that wait
		}
	})
	since := x.lookUnused(ctx)
	x.checkRefilled(ctx, true)
	x.checkUseWritten(ctx, since)
	x.programs.killAll()
	time.Sleep(max(orphanGrace+recordGrace, x.late-x.ledger.now()))
	if err := again(func() error { return x.observer.expire(ctx) }); err != nil {
		x.t.Fatal(err)
	}
	if code, out := x.programs.cleanup("--timeout", "10"); code != 0 {
		x.ledger.violation("the last cleanup", about{client: nobody}, "it ends with %d and says:\n%s", code, out)
	}
	x.checkOrder(ctx)
	x.checkNonePaused(ctx)
	x.restart()
	x.eachClient(func(c *client) {
		if c.held != nil {
			c.mustServe(ctx, "I4", x.ledger.now())
		}
	})
	x.programs.killAll()
	if code, out := x.programs.cleanup("--all"); code != 0 {
		x.ledger.violation("cleanup --all", about{client: nobody}, "it ends with %d and says:\n%s", code, out)
	}
	x.checkEmpty(ctx)
}

// restart starts the distributors once more where sessions cannot be reached
// without. They keep no containers waiting then, also none that wait already.
func (x *torture) restart() {
	if !x.gateway {
		return
	}
	tr := x.ledger.begin(killDistributor, "", false)
	for _, d := range x.programs.distributors {
		d.disturbed, d.respawn = false, time.Now()
		d.env = append(d.env, "WARM_CONTAINERS=0")
	}
	if err := x.programs.awaitReady(); err != nil {
		x.ledger.violation("recovery", about{client: nobody}, "%v", err)
	}
	x.ledger.finish(tr)
}

func (x *torture) eachClient(do func(*client)) {
	var g errgroup.Group
	g.SetLimit(parallel)
	for _, c := range x.clients {
		g.Go(func() error { do(c); return nil })
	}
	_ = g.Wait() // its functions return no errors
}

// checkOrder looks whether table and hosts agree.
func (x *torture) checkOrder(ctx context.Context) {
	rows, err := x.observer.rows(ctx)
	if err != nil {
		x.t.Fatal(err)
	}
	ours, err := x.observer.ours()
	if err != nil {
		x.t.Fatal(err)
	}
	running := make(map[string]bool)
	containers, orphans, leftover := 0, 0, 0
	sessions := make(map[int64]bool)
	for _, s := range rows {
		sessions[s.ID] = true
	}
	for host, boxes := range ours {
		for _, b := range boxes {
			containers++
			running[host+b.ID] = b.Running
			if !sessions[b.Session] {
				orphans++
				x.ledger.violation("I5", about{nobody, host, b.Token}, "after the last cleanup container %s on %s has no row", b.Name, host)
			}
		}
	}
	for _, s := range rows {
		if s.State != "running" && s.State != "warm" || !running[s.Host+s.Container] {
			leftover++
			x.ledger.violation("I5", about{nobody, s.Host, s.Token}, "after the last cleanup there is %s, container runs: %t", s, running[s.Host+s.Container])
		}
	}
	fmt.Fprintf(x.out, "after the last cleanup: %d sessions, %d containers, %d orphans, %d leftover rows, %d foreign containers\n",
		len(rows), containers, orphans, leftover, len(x.observer.allForeign()))
}

// checkEmpty looks whether nothing is left but the foreign containers.
func (x *torture) checkEmpty(ctx context.Context) {
	rows, err := x.observer.rows(ctx)
	if err != nil {
		x.t.Fatal(err)
	}
	ours, err := x.observer.ours()
	if err != nil {
		x.t.Fatal(err)
	}
	if len(rows) > 0 || len(ours) > 0 {
		x.ledger.violation("cleanup --all", about{client: nobody}, "it leaves the sessions %v and the containers %v", rows, ours)
	}
	for _, f := range (&judge{}).untouched(x.observer.read(ctx)) {
		x.ledger.violation(f.rule, f.about, "%s", f.text)
	}
}
