package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"wrpdistributor/internal/proctest"
)

// bin is where [commands] are built. It is the same for all tests, so that each is
// linked once.
var bin string

func TestMain(m *testing.M) {
	testscript.Main(inFolder{m}, map[string]func(){"distributor": main})
}

// inFolder runs the tests while there is a folder for what they build.
type inFolder struct{ *testing.M }

// Run implements [testscript.TestingM].
func (m inFolder) Run() int {
	var err error
	if bin, err = os.MkdirTemp("", "programs"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(bin)
	return m.M.Run()
}

// commands builds both commands with these flags of go build.
func commands(t *testing.T, flags ...string) *proctest.Commands {
	t.Helper()
	return proctest.BuildInto(t, filepath.Join(bin, "with"+strings.Join(flags, "")), flags...)
}

// TestScript has the commands where no service runs. With one: operators_test.go.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}
