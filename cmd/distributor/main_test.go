package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wrpdistributor/internal/proctest"
)

// bin is where [commands] are built. It is the same for all tests, so that each is
// linked once.
var bin string

func TestMain(m *testing.M) {
	var err error
	if bin, err = os.MkdirTemp("", "programs"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(bin)
	os.Exit(code)
}

// commands builds both commands with these flags of go build.
func commands(t *testing.T, flags ...string) *proctest.Commands {
	t.Helper()
	return proctest.BuildInto(t, filepath.Join(bin, "with"+strings.Join(flags, "")), flags...)
}
