package scripts_test

import (
	"bufio"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
)

// TestOneAtATime: a nightly backup, a refresh and somebody at the keyboard do not take the
// stack, or the folder that its image is built in, from under each other.
func TestOneAtATime(t *testing.T) {
	if _, err := exec.LookPath("flock"); err != nil {
		hoststest.Missing(t, "flock")
	}
	dir := newFolder(t, []string{"AUTH_TOKEN=k", "COMPOSE_PROJECT_NAME=wrp-none"})
	write(t, filepath.Join(dir, "x.sql"), wholeDump, 0o600)
	other, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	write(t, filepath.Join(dir, "x.db"), "SQLite format 3", 0o600)
	ends := map[string]string{"y.db": "There is no SQLite file data/distributor.db", "x.db": "x.db is no whole database"}
	for _, command := range [][]string{
		{"stack.sh", "up"}, {"stack.sh", "stop"}, {"stack.sh", "stop", "mysql"}, {"stack.sh", "down"}, {"stack.sh", "destroy"},
		{"backup.sh", "backup", "y.sql"}, {"backup.sh", "restore", "x.sql"}, {"refresh.sh"},
		{"backup.sh", "backup", "y.db"}, {"backup.sh", "restore", "x.db"},
	} {
		want := cmp.Or(ends[command[len(command)-1]], "No Docker engine answers")
		if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "scripts", command[0]), command[1:]...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "DOCKER_HOST=unix:///nowhere/docker.sock"}
		out, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := bufio.NewScanner(out)
		if !said.Scan() || !strings.HasPrefix(said.Text(), "Waiting for another") {
			t.Errorf("%q: it says %q, while another works", command, said.Text())
		}
		if err := syscall.Flock(int(other.Fd()), syscall.LOCK_UN); err != nil {
			t.Fatal(err)
		}
		if !said.Scan() || !strings.HasPrefix(said.Text(), want) {
			t.Errorf("%q: it says %q, once nobody works any more, want %q", command, said.Text(), want)
		}
		_ = cmd.Wait()
	}
}
