package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"wrpdistributor/internal/proctest"
)

// bin is where [commands] are built.
var bin string

// built has them by the flags of go build. It is the same for all tests, so that each
// is built once.
var built = struct {
	sync.Mutex
	by map[string]*proctest.Commands
}{by: make(map[string]*proctest.Commands)}

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

// commands returns both commands, built with these flags of go build.
func commands(t *testing.T, flags ...string) *proctest.Commands {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	key := "with" + strings.Join(flags, "")
	if built.by[key] == nil {
		built.by[key] = proctest.BuildInto(t, filepath.Join(bin, key), flags...)
	}
	return built.by[key].For(t)
}

// TestScript has the commands where no service runs. With one: operators_test.go.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}

// TestLengthsOfTimeInWords as they stand behind "the last".
func TestLengthsOfTimeInWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1m": "minute", "60m": "hour", "1h": "hour", "24h": "day", "7d": "7 days", "36h": "36 hours", "90m": "90 minutes", "5s": "5 seconds", "1500ms": "1.5s",
	} {
		var a ago
		if err := a.Set(text); err != nil || a.words() != want {
			t.Errorf("%s is the last %q, %v; want %q", text, a.words(), err, want)
		}
	}
}
