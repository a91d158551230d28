// Package porttest finds ports that tests can have something listen on.
package porttest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// The ports that are looked at. Outgoing connections have others: one of those could be
// taken again before anything listens on it.
const (
	first = 20000
	last  = 30000
)

// Free returns a port that nothing listens on.
func Free(t testing.TB) int {
	t.Helper()
	return Range(t, 1)
}

// Range returns the first of n ports in a row that nothing listens on. Tests that ask at
// the same time hardly get the same.
func Range(t testing.TB, n int) int {
	t.Helper()
	start, err := Find(n)
	if err != nil {
		t.Fatal(err)
	}
	return start
}

// Find is [Range] for those who are no test.
func Find(n int) (start int, err error) {
	for range 1000 {
		if start := first + rand.IntN(last-first-n); allFree(start, n) {
			return start, nil
		}
	}
	return 0, fmt.Errorf("no %d free ports in a row", n)
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
