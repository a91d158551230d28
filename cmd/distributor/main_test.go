package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// bin is where [programs] are built. It is the same for all tests, so that each is
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

// programs builds both commands, with a build tag if it is not empty, and returns
// the folder that they are in.
func programs(t *testing.T, tag string) string {
	t.Helper()
	dir := filepath.Join(bin, "with"+tag)
	if out, err := exec.Command("go", "build", "-tags", tag, "-o", dir+"/", "wrpdistributor/cmd/...").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return dir
}
