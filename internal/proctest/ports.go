package proctest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// The ports that ranges are looked for in. Outgoing connections have others.
const (
	firstPort = 20000
	lastPort  = 30000
)

// FreeAddr returns an address on the loopback that nothing listens on.
func FreeAddr(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// FreeRange returns the first of n ports in a row that nothing listens on. Tests
// that ask at the same time hardly get the same.
func FreeRange(t testing.TB, n int) int {
	t.Helper()
	for range 1000 {
		if start := firstPort + rand.IntN(lastPort-firstPort-n); allFree(start, n) {
			return start
		}
	}
	t.Fatalf("no %d free ports in a row", n)
	return 0
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
