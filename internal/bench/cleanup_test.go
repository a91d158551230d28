package bench

import (
	"context"
	"fmt"
	"testing"
	"time"
)

const memoryPoll = 5 * time.Millisecond

// A cleaning is passes of cleanup that have much to do.
type cleaning struct {
	*world
	took, each samples // ms
	peak       samples // MB
}

// measureCleanup measures passes that find all sessions idle, and between them
// containers that are stopped and removed without the service.
func (b *bench) measureCleanup(t *testing.T) {
	for _, dialect := range dialects() {
		c := &cleaning{world: b.newWorld(t, plan{dialect: dialect, hosts: b.scaled(200), sessions: b.scaled(10000), unused: time.Hour})}
		// The first check of a distributor makes what containers need on a host.
		c.serve().end()
		floor := connectMany(t, c.world)
		var raw rates
		err := b.repeatRounds(func(round int) error {
			if round > 0 {
				c.seed()
			}
			if err := c.measure(); err != nil {
				return err
			}
			return b.measureRemovals(floor, &raw)
		})
		if err != nil {
			t.Fatal(err)
		}
		reportCleanup(&b.report, c, &raw)
	}
}

// measure runs one cleanup, which has to stop all sessions.
func (c *cleaning) measure() error {
	begun := time.Now()
	p := c.commands.Start("cleanup", "--timeout", "10")
	most := 0.0
	for ended := false; !ended; {
		// What it held at its end is not to be had any more.
		if now, err := memoryOf(p.PID(), "VmHWM"); err == nil {
			most = max(most, now)
		}
		select {
		case <-p.Done():
			ended = true
		case <-c.b.ctx.Done():
			return c.b.ctx.Err()
		case <-time.After(memoryPoll):
		}
	}
	took := time.Since(begun)
	var left int
	err := c.db.GetContext(c.b.ctx, &left, `SELECT COUNT(*) FROM sessions`)
	if err != nil || left > 0 || p.ExitCode() != 0 {
		return fmt.Errorf("cleanup: exit %d, %d sessions left, %v\n%s", p.ExitCode(), left, err, tail(p.Output()))
	}
	c.took.add(took)
	c.each = append(c.each, milliseconds(took)/float64(c.sessions))
	c.peak = append(c.peak, most)
	return nil
}

// measureRemovals stops and removes containers on all hosts at once. That they are
// started is not counted.
func (b *bench) measureRemovals(hosts []*rawHost, to *rates) error {
	times := make([]samples, len(hosts))
	var unused rates
	_, err := b.repeat(&unused, len(hosts), func(ctx context.Context, who, _ int) error {
		r, err := hosts[who].round(ctx)
		if err != nil {
			return err
		}
		begun := time.Now()
		err = hosts[who].stopAndRemove(ctx, r.id)
		times[who].add(time.Since(begun))
		return err
	})
	if err != nil {
		return fmt.Errorf("raw: %w", err)
	}
	var all samples
	for _, t := range times {
		all = append(all, t...)
	}
	to.p50 = append(to.p50, all.quantile(0.5))
	return nil
}

func reportCleanup(r *report, c *cleaning, raw *rates) {
	name := fmt.Sprintf("cleanup, %s, %s", c.dialect, count(c.sessions, "idle sessions"))
	r.row(name, "ms", c.took)
	r.row(name+", peak memory", "MB", c.peak)
	r.row("raw: stop + remove, 16 at once, "+c.dialect+", p50", "ms", raw.p50)
	r.atMost("cleanup, "+c.dialect, c.took.median()/1000, 10, "s")
	r.atMost("cleanup, "+c.dialect+", peak memory", c.peak.median(), 80, "MB")
	r.ratio("cleanup, "+c.dialect+", for each session / raw stop + remove", c.each.median()/raw.p50.median())
}

func cleanupLines(dialect string) []string {
	return []string{
		"raw: stop + remove, 16 at once, " + dialect + ", p50",
		"cleanup, " + dialect, "cleanup, " + dialect + ", peak memory", "cleanup, " + dialect + ", for each session / raw stop + remove",
	}
}
