//go:build crashpoints

package session

import (
	"os"
	"syscall"
)

// failpoint kills the process at the point that CRASH_AT names. Programs built with
// the tag crashpoints are for tests only.
func failpoint(name string) {
	if os.Getenv("CRASH_AT") == name {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal may take a moment
	}
}
