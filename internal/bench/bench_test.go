package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"wrpdistributor/internal/hosts/hoststest"
)

// settings are the flags, which the program passes on. Without any this is the
// short form.
var settings = func() *settled {
	s := new(settled)
	flag.IntVar(&s.rounds, "rounds", 2, "how often each is measured")
	flag.StringVar(&s.only, "only", "", "measure only this: put or gateway")
	flag.DurationVar(&s.browser, "browser", 200*time.Millisecond, "what stands for the start of WRP's browser")
	flag.BoolVar(&s.talk, "talk", false, "say how it goes")
	return s
}()

type settled struct {
	options
	browser time.Duration
	talk    bool
}

// A bench is one run.
type bench struct {
	settled
	ctx    context.Context
	out    io.Writer
	bin    string // of the programs
	sshd   *hoststest.SSHD
	report report
}

// TestBench is the run, and checks that its report is complete. What is measured
// is for people to judge: a slow machine is no mistake.
func TestBench(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{settled: *settings, ctx: ctx, out: t.Output()}
	if b.talk {
		b.out = os.Stdout
	}
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
		if !hasLine(text.String(), line) || strings.Contains(text.String(), "NaN") {
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
	if b.only == "" {
		return all
	}
	var chosen []part
	for _, p := range all {
		if p.name == b.only {
			chosen = append(chosen, p)
		}
	}
	return chosen
}

// prepare gets the parts that all measurements use.
func (b *bench) prepare(t *testing.T) {
	t.Helper()
	hoststest.StandIn(t)
	b.sshd = hoststest.StartSSHD(t, hoststest.SSHDOptions{})
	b.bin = t.TempDir()
	if out, err := exec.CommandContext(b.ctx, "go", "build", "-o", b.bin+"/", "wrpdistributor/cmd/distributor").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
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
