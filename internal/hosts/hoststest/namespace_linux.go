package hoststest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// NetworkTools makes sure that the test may look at networks from inside: that it
// is root, and has the programs.
func NetworkTools(t testing.TB, programs ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "root, who alone may enter network namespaces")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			Missing(t, p+" (Debian packages iproute2 and nftables)")
		}
	}
}

// Run runs a program, and fails the test if the program does.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := command("", name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// InNamespace calls do in the network namespace that a file stands for, such as
// /proc/PID/ns/net. Sockets that do opens itself, not through other goroutines,
// belong to that namespace for good.
func InNamespace(file string, do func()) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		done <- enter(file, do)
	}()
	return <-done
}

func enter(file string, do func()) error {
	ns, err := os.Open(file)
	if err != nil {
		return err
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter %s: %w", file, err)
	}
	do()
	return nil
}
