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

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// The parts that can be measured alone.
const (
	onlyPut     = "put"
	onlyGateway = "gateway"
)

// options are the flags of the test.
type options struct {
	rounds  int
	only    string // empty: everything
	browser time.Duration
}

// flags are read when the test binary has parsed its command line.
var flags = register(flag.CommandLine)

func register(f *flag.FlagSet) *options {
	o := new(options)
	f.IntVar(&o.rounds, "rounds", 2, "how often each is measured; a round takes some ten seconds")
	f.StringVar(&o.only, "only", "", "measure only this: put or gateway")
	f.DurationVar(&o.browser, "browser", 200*time.Millisecond, "what stands for the start of WRP's browser")
	return o
}

// problem says what is wrong with the flags, if something is.
func (o options) problem() string {
	if o.rounds < 1 {
		return fmt.Sprintf("-rounds %d: want at least 1", o.rounds)
	}
	if o.only != "" && o.only != onlyPut && o.only != onlyGateway {
		return fmt.Sprintf("-only %q: want %s or %s", o.only, onlyPut, onlyGateway)
	}
	return ""
}

// A bench is one run.
type bench struct {
	options
	ctx      context.Context
	out      io.Writer
	commands *proctest.Commands
	sshd     *hoststest.SSHD
	report   report
}

// TestBench is the run, and checks that its report is complete. What is measured
// is for people to judge: a slow machine is no mistake.
func TestBench(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	if problem := flags.problem(); problem != "" {
		t.Fatal(problem)
	}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{options: *flags, ctx: ctx, out: t.Output()}
	b.prepare(t)
	var want []string
	for _, part := range b.parts() {
		t.Run(part.name, part.measure)
		want = append(want, part.lines...)
	}
	if t.Failed() {
		return
	}
	var text bytes.Buffer
	b.report.write(&text)
	b.say("%s", text.String())
	for _, line := range want {
		if !hasLine(text.String(), line) || strings.Contains(text.String(), "NaN") || strings.Contains(text.String(), "Inf") {
			t.Errorf("no line %q with a number in the report:\n%s", line, text.String())
		}
	}
}

// A part is what can be measured alone.
type part struct {
	name    string
	measure func(*testing.T)
	lines   []string // that its report has
}

func (b *bench) parts() []part {
	n := b.rounds
	all := []part{
		{onlyPut, b.measurePuts, []string{
			fmt.Sprint("raw: create + start ", n), fmt.Sprint("raw: until it answers ", n), fmt.Sprint("raw: create + start + answer ", n),
			fmt.Sprint("cold: PUT ", n), fmt.Sprint("cold: first page ", n), fmt.Sprint("warm: PUT ", n), fmt.Sprint("warm: first page ", n),
			"warm PUT / raw create + start", "cold PUT / raw create + start + answer", "slowest first page of a warm session / browser start",
		}},
		{onlyGateway, b.measureGateway, []string{
			fmt.Sprint("direct: request ", n*requests), fmt.Sprint("gateway: request ", n*requests),
			fmt.Sprint("direct: 50 clients ", n), fmt.Sprint("gateway: 50 clients ", n),
			fmt.Sprint("direct: 1 stream ", n), fmt.Sprint("gateway: 1 stream ", n),
			fmt.Sprint("direct: 50 streams ", n), fmt.Sprint("gateway: 50 streams ", n),
			"gateway adds to a request", "1 stream, gateway / direct", "50 streams, gateway / direct",
		}},
	}
	return slices.DeleteFunc(all, func(p part) bool { return b.only != "" && b.only != p.name })
}

// prepare gets the parts that all measurements use.
func (b *bench) prepare(t *testing.T) {
	t.Helper()
	hoststest.StandIn(t)
	b.sshd = hoststest.StartSSHD(t, hoststest.SSHDOptions{})
	b.commands = proctest.Build(t)
	b.say("bench: %d rounds; Docker %s, %d processors\n", b.rounds, hoststest.Docker(t, "version", "--format", "{{.Server.Version}}"), runtime.NumCPU())
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
