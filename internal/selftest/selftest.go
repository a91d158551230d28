// Package selftest is for programs whose work is done by their own package's
// test: it has the test kits, which end all that they start.
package selftest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// A Test is what a program runs.
type Test struct {
	Package string
	Name    string // of the function
	Timeout time.Duration
	Flags   []string // of the test's own
	Env     []string // on top of the program's

	Stdout, Stderr io.Writer
}

// Run builds the test and runs it. When ctx is done the test is told to end, and
// waited for.
func (t Test) Run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "wrp-selftest")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "program.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, t.Package)
	build.Stdout, build.Stderr = t.Stderr, t.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the test: %w", err)
	}
	cmd := exec.CommandContext(ctx, binary, append([]string{"-test.run=^" + t.Name + "$", "-test.timeout=" + t.Timeout.String()}, t.Flags...)...)
	cmd.Env = append(os.Environ(), t.Env...)
	cmd.Stdout, cmd.Stderr = t.Stdout, t.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	err = cmd.Run()
	if _, failed := errors.AsType[*exec.ExitError](err); failed {
		return errors.New("see above")
	}
	return err
}
