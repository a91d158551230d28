package scripts_test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDebSaysThatItCompiles: the first time nothing else is said for minutes.
func TestDebSaysThatItCompiles(t *testing.T) {
	dir := newFolder(t, nil)
	write(t, filepath.Join(dir, "fake/go"), "#!/bin/sh\n[ \"$1\" = env ] && echo amd64\n", 0o700)
	env := []string{"PATH=" + filepath.Join(dir, "fake") + ":" + os.Getenv("PATH"), "VERSION=1", "SOURCE_DATE_EPOCH=1"}
	for _, want := range []string{"Compiling the programs, which takes some minutes the first time.\n", "wrp-distributor cannot be built."} {
		refuses(t, want, dir, env, "deb.sh")
	}
}
