package proctest

import (
	"net"
	"strconv"
	"testing"

	"wrpdistributor/internal/porttest"
)

// FreeAddr returns an address on the loopback that nothing listens on.
func FreeAddr(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(porttest.Free(t)))
}

// FreeRange returns the first of n ports in a row that nothing listens on.
func FreeRange(t testing.TB, n int) int {
	t.Helper()
	return porttest.Range(t, n)
}
