package hosts

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/porttest"
)

// brokenWRP is a program that ends at once, in the way that its arguments say.
const brokenWRP = `package main

import (
	"fmt"
	"os"
	"slices"
)

func main() {
	if slices.Contains(os.Args, "talk") {
		for i := range 50 {
			fmt.Fprintf(os.Stderr, "line %d of \x1b[2J%s\n", i, os.Args[len(os.Args)-1])
		}
		fmt.Fprintln(os.Stderr, "cannot start the browser")
	}
	if slices.Contains(os.Args, "eat") {
		var all [][]byte
		for {
			all = append(all, slices.Repeat([]byte{1}, 1<<20))
		}
	}
	os.Exit(3)
}
`

// brokenImage builds an image with brokenWRP.
func brokenImage(t *testing.T) string {
	t.Helper()
	image := "wrp-broken:" + strings.ToLower(rand.Text()) // another run may be under way
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(brokenWRP), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nCOPY wrp /wrp\nENTRYPOINT [\"/wrp\"]\n"), 0o600))
	hoststest.Run(t, "env", "CGO_ENABLED=0", "go", "build", "-ldflags=-s", "-o", filepath.Join(dir, "wrp"), filepath.Join(dir, "main.go"))
	hoststest.Docker(t, "build", "-q", "-t", image, dir)
	t.Cleanup(func() { hoststest.Docker(t, "rmi", "-f", image) })
	return image
}

// A logBuffer is safe for concurrent use.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements [io.Writer].
func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// String returns all that was written.
func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestRealContainerThatEndsAtOnce: before it is removed, the log has how it ended
// and its last words, and no token.
func TestRealContainerThatEndsAtOnce(t *testing.T) {
	hoststest.StandIn(t) // or there is no engine
	image := brokenImage(t)
	for _, tt := range []struct {
		name  string
		args  []string
		err   string
		want  []string
		never []string
	}{
		{"words", []string{"talk", "{token}"}, "it does not run, exit code 3", []string{"exit_code=3", "out_of_memory=false",
			"line 31 of ", `x1b[2J{token}`, "line 49 of ", "cannot start the browser"}, []string{"line 30 of ", "\x1b", "secret"}},
		{"no words", []string{"x"}, "exit code 3", []string{"exit_code=3", "output=none\n"}, nil},
		{"words nowhere", []string{"-token", "{token}", "-log", "/dev/null"}, "exit code 3", []string{"output=\"none: WRP_ARGS has -log /dev/null"}, nil},
		{"memory", []string{"eat"}, "exit code 137, out of memory", []string{"exit_code=137", "out_of_memory=true"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log logBuffer
			p, id := realPool(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{}))
			h := p.hosts[0]
			h.log = slog.New(slog.NewTextHandler(&log, nil))
			h.cfg.Container.Image, h.cfg.Container.Args = image, tt.args
			s := Spec{Ref: Ref{Host: "host0", Name: "wrp_" + id[:8] + "_7", Session: 7, Nonce: "n"}, Port: porttest.Free(t), Token: "secret"}
			var err error
			s.ID, err = p.Create(t.Context(), s)
			must(t, err)
			must(t, p.Start(t.Context(), s.Ref))
			if err := p.Ready(t.Context(), s); !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("Ready = %v, want ErrGone and %q", err, tt.err)
			}
			p.ReportEnd(t.Context(), s)
			if n := strings.Count(log.String(), "container ended before it was ready"); n != 1 {
				t.Errorf("said %d times, want once", n)
			}
			for _, want := range append(tt.want, "session=7", "container=") {
				if !strings.Contains(log.String(), want) {
					t.Errorf("the log does not have %q:\n%s", want, log.String())
				}
			}
			for _, never := range tt.never {
				if strings.Contains(log.String(), never) {
					t.Errorf("the log has %q:\n%s", never, log.String())
				}
			}
		})
	}
}

// TestRealOutputOfClientsIsNotLogged: what a container writes once it was ready may be
// of its client's pages.
func TestRealOutputOfClientsIsNotLogged(t *testing.T) {
	p, id := realPool(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{}))
	var log logBuffer
	p.hosts[0].log = slog.New(slog.NewTextHandler(&log, nil))
	s := Spec{Ref: Ref{Host: "host0", Name: "wrp_" + id[:8] + "_7", Session: 7, Nonce: "n"}, Port: porttest.Free(t), Token: "secret"}
	var err error
	s.ID, err = p.Create(t.Context(), s)
	must(t, err)
	must(t, p.Start(t.Context(), s.Ref))
	must(t, p.Ready(t.Context(), s))
	hoststest.Docker(t, "kill", s.ID)
	if _, err := p.Inspect(t.Context(), s.Ref); !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "exit code 137") {
		t.Errorf("Inspect = %v, want ErrGone and its exit code", err)
	}
	if err := p.Probe(t.Context(), s); err == nil {
		t.Error("it answers")
	}
	if strings.Contains(log.String(), "output") {
		t.Errorf("the log has its output:\n%s", log.String())
	}
}

// TestOutputIsFitForALog: the last lines, the last bytes, nothing that a terminal
// acts upon.
func TestOutputIsFitForALog(t *testing.T) {
	long := strings.Repeat("é", maxOutput)
	for _, tt := range []struct{ name, output, want string }{
		{"nothing", "\n \n", ""},
		{"lines", "\na\r\nb c \n", "a\nb c"},
		{"letters of the world", "äöü ☃", "äöü ☃"},
		{"control characters", "a\x1b[31m\x07\tb\u202ec", `a\x1b[31m\a\tb\u202ec`},
		{"no UTF-8", "a\xffb", "a\ufffdb"},
		{"long", "start" + long, long[len(long)-maxOutput:]},
		{"cut inside a letter", "start" + long + "e", long[len(long)-maxOutput+2:] + "e"},
	} {
		if got := printable(tt.output); got != tt.want {
			t.Errorf("%s: %.60q (%d bytes), want %.60q", tt.name, got, len(got), tt.want)
		}
	}
	var many strings.Builder
	var end tail
	for i := range 1000 {
		fmt.Fprintf(&many, "line %d\n", i)
		fmt.Fprintf(&end, "line %d\n", i)
	}
	if lines := strings.Split(printable(many.String()), "\n"); len(lines) != 20 || lines[0] != "line 980" {
		t.Errorf("of 1000 lines %d are left, from %q on", len(lines), lines[0])
	}
	if got := many.String()[many.Len()-maxOutput:]; end.String() != got {
		t.Errorf("the tail is %q, want %q", end.String(), got)
	}
}

func TestWhyThereIsNoOutput(t *testing.T) {
	for args, want := range map[string]bool{
		"-log /dev/null": true, "-n -log=/dev/null": true, "--log /dev/null -x": true,
		"": false, "-log": false, "-log /tmp/log": false, "log /dev/null": false, "-l /dev/null": false,
	} {
		c := ContainerConfig{Args: strings.Fields(args)}
		if got := strings.Contains(c.describeOutput(""), "/dev/null"); got != want {
			t.Errorf("args %q: named as the reason %t, want %t", args, got, want)
		}
	}
}
