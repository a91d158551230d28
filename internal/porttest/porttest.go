// Package porttest finds ports that tests can have something listen on.
package porttest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// The ports that are looked at. Outgoing connections have others: one of those could be
// taken again before anything listens on it.
const (
	first = 20000
	last  = 32000
)

// Free returns a port that nothing listens on, and that nobody else is given as long as the
// test runs.
func Free(t testing.TB) int {
	t.Helper()
	return Range(t, 1)
}

// Range returns the first of n ports in a row that are as those of [Free].
func Range(t testing.TB, n int) int {
	t.Helper()
	start, reserved, err := Find(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reserved.Close() })
	return start
}

// Find is [Range] for those who are no test. The ports are nobody else's until reserved is
// closed, or the process ends.
func Find(n int) (start int, reserved io.Closer, err error) {
	// Its bytes stand for the ports, and are locked: tests of other packages run beside these.
	name := fmt.Sprintf("wrpdistributor-test-ports-%d", os.Getuid())
	file, err := os.OpenFile(filepath.Join(os.TempDir(), name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return 0, nil, err
	}
	for range 1000 {
		start := first + rand.IntN(last-first-n)
		if lock(file, unix.F_WRLCK, start, n) != nil {
			continue // somebody else's
		}
		if allFree(start, n) {
			return start, file, nil
		}
		if err := lock(file, unix.F_UNLCK, start, n); err != nil {
			break
		}
	}
	file.Close()
	return 0, nil, fmt.Errorf("no %d free ports in a row", n)
}

// lock locks or unlocks ports. It is over when the file is closed.
func lock(file *os.File, kind int16, start, n int) error {
	return unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Whence: io.SeekStart, Start: int64(start), Len: int64(n)})
}

func allFree(start, n int) bool {
	for port := start; port < start+n; port++ {
		ln, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return false
		}
		ln.Close()
	}
	return true
}
