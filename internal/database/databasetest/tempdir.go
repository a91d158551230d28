package databasetest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	daemonPrefix   = "wrp-databasetest-"
	templatePrefix = "making-"
)

// A tempDir is a folder that is removed when this process ends, however that
// happens, or earlier by remove.
type tempDir struct {
	path string

	// A shell that removes the folder when its standard input ends. It ends when stdin
	// is closed, by remove or by the kernel.
	remover *exec.Cmd
	stdin   io.Closer
}

func newTempDir(place string) (*tempDir, error) {
	sweep(place, daemonPrefix)
	path, err := os.MkdirTemp(place, ownPrefix(daemonPrefix))
	if err != nil {
		return nil, err
	}
	// It tries again for two seconds: the server that uses the folder may be ending at
	// the same moment, and still write there.
	const script = `cat; for i in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- "$1" && exit; sleep 0.2; done`
	cmd := exec.Command("sh", "-c", script, "sh", path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // out of reach of Ctrl-C
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &tempDir{path, cmd, stdin}, cmd.Start()
}

func (d *tempDir) remove() {
	d.stdin.Close()
	d.remover.Wait()
}

// tempRoot returns a folder for temporary files, in memory if there is plenty and
// TMPDIR does not say otherwise: making and dropping tables is five times
// quicker there.
func tempRoot() string {
	const memory, enough = "/dev/shm", 1 << 30
	var fs syscall.Statfs_t
	if os.Getenv("TMPDIR") == "" && syscall.Statfs(memory, &fs) == nil && fs.Bavail*uint64(fs.Bsize) > enough {
		return memory
	}
	return os.TempDir()
}

// ownPrefix starts the name of a folder with the id of this process.
func ownPrefix(prefix string) string { return fmt.Sprintf("%s%d-", prefix, os.Getpid()) }

// sweep removes the folders, named by ownPrefix, of processes that are dead.
func sweep(dir, prefix string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), prefix)
		number, _, _ := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(number)
		if ours && err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}
