package torture

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	parallel = 8 // clients that are asked at the end
	leavers  = 3 // one of so many ends its session then
)

// finish ends all troubles for good, looks whether the service recovers, kills
// its programs, and lets one cleanup put in order what they leave.
func (x *torture) finish(ctx context.Context) {
	fmt.Fprintf(x.out, "%5.0fs: all troubles end, the rest is looked at\n", x.ledger.now().Seconds())
	x.endAll()
	if err := x.programs.awaitReady(); err != nil {
		x.ledger.violation("recovery", about{client: nobody}, "%v", err)
	}
	x.eachClient(func(c *client) {
		if c.held != nil {
			c.start(ctx)
		}
		c.mustServeEverywhere(ctx)
		if c.held != nil && x.warm > 0 && c.number%leavers == 0 {
			c.end(ctx) // so that there is room for containers that wait
		}
	})
	x.checkPeople(ctx)
	since := x.lookUnused(ctx)
	x.checkRefilled(ctx)
	x.checkUseWritten(ctx, since)
	x.programs.killAll()
	idle := x.leaveForCleanup(ctx)
	time.Sleep(max(orphanGrace+recordGrace, x.late-x.ledger.now()))
	x.mustCleanUp(ctx, "--timeout", "10")
	x.checkIdleGone(ctx, idle)
	x.checkOrder(ctx)
	x.checkNonePaused(ctx)
	x.restartForGateways()
	x.eachClient(func(c *client) { c.mustServeEverywhere(ctx) })
	x.programs.killAll()
	x.mustCleanUp(ctx, "--all")
	x.checkEmpty(ctx)
}

// leaveForCleanup leaves something of each kind: idle sessions, which it returns,
// starts that nobody goes on with, and containers without a row.
func (x *torture) leaveForCleanup(ctx context.Context) []*record {
	var idle []*record
	for _, c := range x.clients {
		if c.held != nil && c.number%leavers == 1 {
			idle = append(idle, c.held)
		}
	}
	x.makeIdle(ctx, idle)
	x.again("let start timeouts pass", func() error { return x.observer.expire(ctx) })
	for i, h := range x.hosts {
		if err := x.addStray(h, "left", 2e6+i); err != nil {
			x.t.Fatal(err)
		}
	}
	return idle
}

// mustCleanUp runs cleanups until one says that it left nothing out. Nothing else
// runs, so a slow host can be asked in the end.
func (x *torture) mustCleanUp(ctx context.Context, args ...string) {
	x.eventually(ctx, func() []finding {
		if code := x.cleanUp(args...); code != 0 {
			return nobodys("the last cleanup", "cleanup %s ends with %d", strings.Join(args, " "), code)
		}
		return nil
	})
}

// restartForGateways starts the distributors once more where sessions cannot be
// reached without. They keep no containers waiting then, also none that wait
// already.
func (x *torture) restartForGateways() {
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

// eachClient does something for all clients, or until it is clear enough that the
// service is broken.
func (x *torture) eachClient(do func(*client)) {
	var g errgroup.Group
	g.SetLimit(parallel)
	for _, c := range x.clients {
		g.Go(func() error {
			if !x.hopeless() {
				do(c)
			}
			return nil
		})
	}
	_ = g.Wait() // its functions return no errors
}

// checkOrder looks whether rows and containers agree after the last cleanup. A
// create that was still under way in an engine when its distributor was killed
// may bring an orphan later, which another cleanup removes.
func (x *torture) checkOrder(ctx context.Context) {
	rows, containers := x.rowsAndContainers(ctx)
	n := 0
	for _, list := range containers {
		n += len(list)
	}
	fmt.Fprintf(x.out, "after the last cleanup: %d sessions, %d containers, %d orphans, %d leftover rows, %d foreign containers\n",
		len(rows), n, len(orphansOf(rows, containers)), x.checkRows(rows, containers), len(x.observer.allForeign()))
	x.eventually(ctx, func() []finding {
		orphans := orphansOf(rows, containers)
		if len(orphans) > 0 {
			time.Sleep(orphanGrace + recordGrace)
			x.mustCleanUp(ctx, "--timeout", "10")
			rows, containers = x.rowsAndContainers(ctx)
		}
		return orphans
	})
}

// checkRows looks for rows that the last cleanup should have removed, and returns
// how many there are.
func (x *torture) checkRows(rows []row, containers map[string][]container) int {
	leftover := 0
	for _, s := range rows {
		runs := slices.ContainsFunc(containers[s.Host], func(c container) bool { return c.ID == s.Container && c.Running })
		if s.State != "running" && s.State != "warm" || !runs {
			leftover++
			x.ledger.violation("I5", about{nobody, s.Host, s.Token}, "after the last cleanup there is %s, container runs: %t", s, runs)
		}
	}
	return leftover
}

func (x *torture) rowsAndContainers(ctx context.Context) (rows []row, containers map[string][]container) {
	x.again("look at rows and containers", func() (err error) {
		if rows, err = x.observer.rows(ctx); err == nil {
			containers, err = x.observer.ours()
		}
		return err
	})
	return rows, containers
}

// orphansOf returns the containers that no row knows.
func orphansOf(rows []row, containers map[string][]container) []finding {
	var orphans []finding
	for host, list := range containers {
		for _, c := range list {
			if !slices.ContainsFunc(rows, func(s row) bool { return s.ID == c.Session }) {
				orphans = append(orphans, finding{rule: "I5", about: about{nobody, host, c.Token}, text: fmt.Sprintf("container %s (%.12s) on %s has no row", c.Name, c.ID, host)})
			}
		}
	}
	return orphans
}

// checkEmpty looks whether nothing is left but the foreign containers.
func (x *torture) checkEmpty(ctx context.Context) {
	rows, containers := x.rowsAndContainers(ctx)
	if len(rows) > 0 || len(containers) > 0 {
		x.ledger.violation("cleanup --all", about{client: nobody}, "it leaves the sessions %v and the containers %v", rows, containers)
	}
	for _, f := range (&judge{}).untouched(x.observer.read(ctx)) {
		x.ledger.violation(f.rule, f.about, "%s", f.text)
	}
}
