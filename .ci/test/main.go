// Command test runs "go test" and says at the end what was skipped, and why,
// which go test itself keeps to itself. Its arguments are those of go test.
//
// What is printed is the lines of the packages, and all that failed tests had
// to say. The exit code is go test's.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	code, err := run(os.Args[1:], os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
	}
	os.Exit(code)
}

// run runs go test and reports on it.
func run(args []string, stdout, stderr io.Writer) (code int, err error) {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	r := &report{out: stdout, said: make(map[string][]string)}
	readErr := r.read(events)
	err = cmd.Wait()
	r.finish()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1), readErr
	}
	if err = errors.Join(err, readErr); err != nil {
		return 1, err
	}
	return 0, nil
}

// An event is one line of go test -json.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// A report is what is known so far.
type report struct {
	out     io.Writer
	said    map[string][]string // by package and test, until it is known whether that matters
	passed  int
	failed  int
	skipped []string
}

func (r *report) read(events io.Reader) error {
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				e = event{Action: "output", Output: string(line)} // not one of go test's own
			}
			r.add(e)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the output of go test: %w", err)
		}
	}
}

func (r *report) add(e event) {
	name := e.Package + " " + e.Test
	switch {
	case e.Action == "build-output", e.Action == "output" && e.Test == "":
		if e.Output != "PASS\n" && !strings.Contains(e.Output, "[no test files]") {
			fmt.Fprint(r.out, e.Output)
		}
	case e.Action == "output":
		r.said[name] = append(r.said[name], e.Output)
	case e.Test == "":
		// The end of a package has told its line already.
	case e.Action == "pass":
		r.passed++
		delete(r.said, name)
	case e.Action == "fail":
		r.failed++
		fmt.Fprint(r.out, strings.Join(r.said[name], ""))
		delete(r.said, name)
	case e.Action == "skip":
		r.skipped = append(r.skipped, reason(name, r.said[name]))
		delete(r.said, name)
	}
}

// reason returns a skipped test's name and what it said.
func reason(name string, said []string) string {
	said = slices.DeleteFunc(said, func(line string) bool {
		line = strings.TrimSpace(line)
		return strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- SKIP")
	})
	return name + ": " + strings.Join(strings.Fields(strings.Join(said, " ")), " ")
}

// finish prints the sum. Tests that never ended said something before, too: a
// panic or a time-out takes all of its package with it.
func (r *report) finish() {
	for _, name := range slices.Sorted(maps.Keys(r.said)) {
		fmt.Fprint(r.out, strings.Join(r.said[name], ""))
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed, %d skipped\n", r.passed, r.failed, len(r.skipped))
	slices.Sort(r.skipped)
	for _, s := range r.skipped {
		fmt.Fprintln(r.out, "  skipped:", s)
	}
}
