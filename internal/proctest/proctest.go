// Package proctest gives tests processes that end with them, even if the test
// binary is killed.
package proctest

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A Process is a running program. Its methods are safe for concurrent use.
type Process struct {
	cmd    *exec.Cmd
	done   chan struct{} // closed when it has ended
	output *os.File      // without a name; a pipe would have what is written a moment later
}

// Start starts cmd, whose output is kept. It is killed when the test ends.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{cmd: cmd, done: make(chan struct{}), output: unnamed(t)}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// Pdeathsig goes by the thread that started the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in ProcessState
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", cmd.Path, err)
	}
	t.Cleanup(p.Kill)
	return p
}

// Kill kills the process and all its descendants, and waits for its end. It is
// stopped first, so that it has no more children while they are looked for.
func (p *Process) Kill() {
	root := p.cmd.Process.Pid
	select {
	case <-p.done:
		return
	default:
		_ = syscall.Kill(root, syscall.SIGSTOP)
	}
	for list := descendants(root); len(list) > 0; list = descendants(root) {
		for _, pid := range list {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	_ = syscall.Kill(root, syscall.SIGKILL)
	<-p.done
}

// Signal sends a signal to the process.
func (p *Process) Signal(sig os.Signal) { _ = p.cmd.Process.Signal(sig) }

// PID returns the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode returns how the process ended, after it did.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// Output returns what the process wrote so far: also what it wrote right before it answered.
func (p *Process) Output() string {
	text, err := io.ReadAll(io.NewSectionReader(p.output, 0, math.MaxInt64))
	if err != nil {
		return fmt.Sprintf("its output cannot be read: %v", err)
	}
	return string(text)
}

// unnamed returns a file that nobody else opens. It goes with whoever has it.
func unnamed(t testing.TB) *os.File {
	t.Helper()
	f, err := os.CreateTemp("", "output-*")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(f.Name()); err != nil {
		t.Fatal(err)
	}
	return f
}

// descendants returns the children of a process, their children, and so on, less
// those that have ended. The children files in /proc are no good for that: they
// leave some out while others end.
func descendants(root int) []int {
	children := make(map[int][]int)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range stats {
		text, _ := os.ReadFile(f) // of a process that may have ended
		// The name stands in brackets, and may have some in it.
		_, rest, _ := strings.Cut(string(text[bytes.LastIndexByte(text, ')')+1:]), " ")
		fields := strings.Fields(rest)
		if len(fields) < 2 || fields[0] == "Z" {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], pid)
	}
	all := children[root]
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}
