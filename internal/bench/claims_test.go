package bench

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"golang.org/x/perf/benchfmt"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

const (
	claimers      = 16  // at once
	claimsAtATime = 320 // so few that they do not change how many sessions there are
	manyHosts     = 1000
)

// A claimed is one database in which claims are measured, with sessions of hosts that
// do not exist: nobody asks them.
type claimed struct {
	dialect  string
	sessions int
	hosts    int
	dsn      string
	alone    rates
	together rates
}

func (c *claimed) name() string {
	name := fmt.Sprintf("claim, %s, %s", c.dialect, count(c.sessions, "sessions"))
	if c.hosts == manyHosts {
		name += ", " + count(manyHosts, "hosts")
	}
	return name
}

// claimSizes are the databases that are compared, the smallest first. The last one
// has more hosts.
func (b *bench) claimSizes(dialect string) []*claimed {
	var list []*claimed
	for _, n := range []int{100, 2000, 5000, 10000} {
		list = append(list, &claimed{dialect: dialect, sessions: b.scaled(n), hosts: b.scaled(200)})
	}
	return append(list, &claimed{dialect: dialect, sessions: b.scaled(10000), hosts: manyHosts})
}

// measureClaims measures claims of the store alone, in a process of their own.
func (b *bench) measureClaims(t *testing.T) {
	program := buildClaims(t)
	for _, dialect := range dialects() {
		sizes, floor := b.claimSizes(dialect), &inserts{db: databasetest.Open(t, b.database(t, dialect))}
		for _, c := range sizes {
			c.seed(t, b)
		}
		err := b.repeatRounds(func(int) error {
			for _, c := range sizes {
				if err := c.measure(b.ctx, program); err != nil {
					return err
				}
			}
			return floor.measure(b)
		})
		if err != nil {
			t.Fatal(err)
		}
		reportClaims(&b.report, dialect, sizes, floor)
	}
}

// buildClaims builds the benchmarks of the store.
func buildClaims(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "session.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", program, "wrpdistributor/internal/session").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

func (c *claimed) seed(t *testing.T, b *bench) {
	t.Helper()
	cfg := b.database(t, c.dialect)
	db := databasetest.Open(t, cfg)
	all := crowd{Database: c.name(), N: c.sessions, Port: 9090}
	hosts, containers := make([]string, c.hosts), make([]string, c.sessions)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("host%d", i)
	}
	for i := range containers {
		containers[i] = all.container(i)
	}
	if err := all.seed(b.ctx, db, hosts, containers); err != nil {
		t.Fatal(err)
	}
	c.dsn = dsnOf(cfg)
}

// measure measures claims that are made at once, and some one after the other.
func (c *claimed) measure(ctx context.Context, program string) error {
	err := c.run(ctx, program, claimers, &c.together)
	if err == nil {
		err = c.run(ctx, program, 1, &c.alone)
	}
	return err
}

func (c *claimed) run(ctx context.Context, program string, atOnce int, to *rates) error {
	cmd := exec.CommandContext(ctx, program, "-test.run=^$", "-test.bench=^BenchmarkClaim$", fmt.Sprintf("-test.benchtime=%dx", claimsAtATime/max(1, 4/atOnce)),
		"-claim.database="+c.dsn, "-claim.hosts="+strconv.Itoa(c.hosts), "-claim.clients="+strconv.Itoa(atOnce))
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	read := benchfmt.NewReader(out, program)
	found := false
	for read.Scan() {
		if r, ok := read.Result().(*benchfmt.Result); ok {
			perClaim, _ := r.Value("sec/op")
			p50, _ := r.Value("p50-ms")
			to.rate, to.p50, found = append(to.rate, 1/perClaim), append(to.p50, p50), true
		}
	}
	if err := cmd.Wait(); err != nil || !found {
		return fmt.Errorf("claims, %s: no result, %v", c.name(), err)
	}
	return nil
}

// inserts is the floor of claims: the one statement that a claim cannot do without.
type inserts struct {
	db       *database.DB
	alone    rates
	together rates
	made     atomic.Int64
}

func (f *inserts) measure(b *bench) error {
	for _, run := range []struct {
		atOnce int
		to     *rates
	}{{claimers, &f.together}, {1, &f.alone}} {
		if _, err := b.repeat(run.to, run.atOnce, f.insert); err != nil {
			return err
		}
		if _, err := f.db.ExecContext(b.ctx, `DELETE FROM sessions`); err != nil {
			return err
		}
	}
	return nil
}

func (f *inserts) insert(ctx context.Context, _, _ int) error {
	n := int(f.made.Add(1))
	c := crowd{Database: "floor"}
	agent := c.agent(n)
	_, err := f.db.ExecContext(ctx, `INSERT INTO sessions (clientIp, clientUserAgent, identity, containerHost, slot, port, token, nonce, state, started)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'claimed', `+f.db.Now()+`)`,
		clientAddr, agent, database.Identity(clientAddr, agent), fmt.Sprintf("host%d", n), 0, 9090, c.token(n), c.nonce(n))
	return err
}

func reportClaims(r *report, dialect string, sizes []*claimed, floor *inserts) {
	for _, c := range sizes {
		r.row(c.name()+", 16 at once", "/s", c.together.rate)
		r.row(c.name()+", alone, p50", "ms", c.alone.p50)
	}
	r.row("bare INSERT, "+dialect+", 16 at once", "/s", floor.together.rate)
	r.row("bare INSERT, "+dialect+", alone, p50", "ms", floor.alone.p50)
	few, many, wide := sizes[0], sizes[len(sizes)-2], sizes[len(sizes)-1]
	r.atLeast(fmt.Sprintf("claims, %s, 16 at once, most sessions / fewest", dialect), many.together.rate.median()/few.together.rate.median(), 0.8, "")
	r.atLeast(fmt.Sprintf("claims, %s, 16 at once, most sessions", dialect), many.together.rate.median(), map[string]float64{"sqlite": 1500, "mysql": 700}[dialect], "/s")
	r.atMost(fmt.Sprintf("claim, %s, alone, most sessions / fewest", dialect), many.alone.p50.median()/few.alone.p50.median(), 1.3, "")
	r.atLeast(fmt.Sprintf("claims, %s, %s", dialect, count(manyHosts, "hosts")), wide.together.rate.median(), 500, "/s")
	r.ratio(fmt.Sprintf("claims, %s, 16 at once, most sessions / bare INSERT", dialect), many.together.rate.median()/floor.together.rate.median())
	r.ratio("sessions of 10 minutes that claims allow, "+dialect, many.together.rate.median()*600)
}

func claimLines(dialect string) []string {
	return []string{
		"bare INSERT, " + dialect + ", 16 at once", "bare INSERT, " + dialect + ", alone, p50",
		"claims, " + dialect + ", 16 at once, most sessions / fewest", "claims, " + dialect + ", 16 at once, most sessions",
		"claim, " + dialect + ", alone, most sessions / fewest", "claims, " + dialect + ", 1,000 hosts",
		"claims, " + dialect + ", 16 at once, most sessions / bare INSERT",
		"sessions of 10 minutes that claims allow, " + dialect,
	}
}
