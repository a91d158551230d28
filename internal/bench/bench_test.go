// Package bench measures what the service adds to the time that Docker takes,
// and what its gateway takes from the speed of a connection.
//
// It uses real parts: the distributor as its operators run it, OpenSSH, MariaDB
// and this machine's Docker engine with the stand-in for WRP. What is compared
// is measured in turn, one at a time and in one run, so that a machine which is
// slow today is slow for both sides. So the ratios tell something, the times
// alone hardly do. Targets are printed with whether they hold; a run in which
// one does not hold has not failed.
//
// What many sessions and many hosts change is measured with pretend hosts, which
// are a process of their own, as is the HTTP server that does nothing: the test
// binary, run again. Each is measured beside its floor, few beside many, on SQLite
// and on a MySQL server whose commits are on the disk. Sessions are there before the
// distributor starts: their rows are inserted by SQL, and each has a container.
//
// "go test" makes a few rounds, and looks at the report but at no time; "make
// bench" makes many, by the test's flags.
package bench

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// options are the flags of the tests.
type options struct {
	rounds  int
	only    string // empty: everything
	browser time.Duration
	window  time.Duration // for how long many are measured at a time
	budget  time.Duration // after which a part that shows what many change begins no round
	divide  int           // makes hosts and sessions fewer, for a short run
}

// flags are read when the test binary has parsed its command line.
var flags = register(flag.CommandLine)

func register(f *flag.FlagSet) *options {
	o := new(options)
	f.IntVar(&o.rounds, "rounds", 2, "how often each is measured at most")
	f.StringVar(&o.only, "only", "", "measure only this: "+strings.Join(partNames(), ", "))
	f.DurationVar(&o.browser, "browser", 200*time.Millisecond, "what stands for the start of WRP's browser")
	f.DurationVar(&o.window, "window", 20*time.Millisecond, "for how long many clients are measured at a time")
	f.DurationVar(&o.budget, "budget", 0, "after which a part of scale begins no further round")
	f.IntVar(&o.divide, "divide", 100, "make hosts and sessions of scale so many times fewer")
	return o
}

// problem says what is wrong with the flags, if something is.
func (o options) problem() string {
	switch {
	case o.rounds < 1:
		return fmt.Sprintf("-rounds %d: want at least 1", o.rounds)
	case o.divide < 1:
		return fmt.Sprintf("-divide %d: want at least 1", o.divide)
	case o.only != "" && !slices.Contains(partNames(), o.only):
		return fmt.Sprintf("-only %q: want one of %s", o.only, strings.Join(partNames(), ", "))
	}
	return ""
}

// scaled is a number of hosts or sessions, less in a short run.
func (o options) scaled(n int) int { return max(n/o.divide, min(n, 4)) }

// A bench is one run.
type bench struct {
	options
	t        *testing.T // of the whole run
	ctx      context.Context
	out      io.Writer
	commands *proctest.Commands
	sshd     *hoststest.SSHD
	mysql    *databasetest.Daemon // for parts of scale; nil: none was needed yet
	report   report
}

// TestBench measures one container at a time, and checks that its report is complete.
// What is measured is for people to judge: a slow machine is no mistake.
func TestBench(t *testing.T) { run(t, "", (*bench).startParts) }

// TestE2EScale does the same with many sessions and many hosts.
func TestE2EScale(t *testing.T) {
	proctest.E2E(t)
	run(t, onlyScale, (*bench).scaleParts)
}

func run(t *testing.T, group string, all func(*bench) []part) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	if problem := flags.problem(); problem != "" {
		t.Fatal(problem)
	}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{options: *flags, ctx: ctx, out: t.Output(), t: t}
	parts := b.wanted(group, all(b))
	if len(parts) == 0 {
		t.Skip("not asked for")
	}
	b.commands = proctest.Build(t)
	b.say("bench: %d rounds, %d processors\n", b.rounds, runtime.NumCPU())
	var want []string
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) { part.measure(t) })
		want = append(want, part.lines...)
	}
	var text bytes.Buffer
	b.report.write(&text)
	b.say("%s", text.String())
	if t.Failed() {
		return // not all lines are there, and t says why
	}
	for _, line := range want {
		if !hasLine(text.String(), line) || strings.Contains(text.String(), "NaN") || strings.Contains(text.String(), "Inf") {
			t.Errorf("no line %q with a number in the report:\n%s", line, text.String())
		}
	}
}

// prepareDocker gets what containers on this machine's engine need.
func (b *bench) prepareDocker(t *testing.T) {
	t.Helper()
	hoststest.StandIn(t)
	b.sshd = hoststest.StartSSHD(t, hoststest.SSHDOptions{})
	b.say("Docker %s\n", hoststest.Docker(t, "version", "--format", "{{.Server.Version}}"))
}

// database returns a new database of a part of scale. On MySQL it is one whose commits
// cost what an operator's do.
func (b *bench) database(t *testing.T, dialect string) database.Config {
	t.Helper()
	if dialect != "mysql" || os.Getenv("TEST_MYSQL_DSN") != "" {
		return databasetest.Config(t, dialect)
	}
	if b.mysql == nil {
		b.mysql = databasetest.DurableServer(b.t)
	}
	return b.mysql.Config(t)
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.out, format, args...) }

// wrpArgs are the ordinary arguments of WRP, and how long its browser takes.
func (b *bench) wrpArgs() string {
	return "-O -n -token {token} -log /dev/null -browser-start " + b.browser.String()
}

func (b *bench) wrpFields() []string { return strings.Fields(b.wrpArgs()) }

func withToken(args []string, token string) []string {
	filled := make([]string, len(args))
	for i, a := range args {
		filled[i] = strings.ReplaceAll(a, "{token}", token)
	}
	return filled
}
