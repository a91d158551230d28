package proctest

import (
	"os"
	"strings"
	"testing"
)

// e2ePrefix begins the names of the tests that make e2e runs.
const e2ePrefix = "TestE2E"

// E2E skips a test that takes too long for make test, unless E2E=1 is in the
// environment. Its name must begin with TestE2E, by which make e2e finds it.
func E2E(t testing.TB) {
	t.Helper()
	if !strings.HasPrefix(t.Name(), e2ePrefix) {
		t.Fatalf("%s is not found by make e2e: its name must begin with %s", t.Name(), e2ePrefix)
	}
	if os.Getenv("E2E") != "1" {
		t.Skip("it takes long: make e2e runs it")
	}
}
