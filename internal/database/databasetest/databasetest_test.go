package databasetest_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
)

func TestEach(t *testing.T) {
	databasetest.Config(t, "mysql") // skips if there is none
	var seen []string
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		seen = append(seen, db.DriverName())
		var n int
		if err := db.Get(&n, `SELECT COUNT(*) FROM sessions`); err != nil || n != 0 {
			t.Errorf("sessions in a fresh database: %d, %v", n, err)
		}
		db.MustExec(`INSERT INTO sessions (containerHost, slot, port, state, started) VALUES ('a', 0, 0, 'x', ` + db.Now() + `)`)
	})
	if fmt.Sprint(seen) != "[sqlite mysql]" {
		t.Errorf("ran on %v, want SQLite and MySQL", seen)
	}
}

// TestLeaks checks that tests which look for leaked goroutines can use this
// package, if they look the way it says.
func TestLeaks(t *testing.T) {
	databasetest.Config(t, "mysql")
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	db, err := database.OpenAndMigrate(t.Context(), databasetest.Config(t, "mysql"))
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
}

// TestKilled kills a test binary with a server, and looks for what it has left.
// The binary is this one, run again by way of the environment.
func TestKilled(t *testing.T) {
	const variable = "DATABASETEST_VICTIM"
	if os.Getenv(variable) != "" {
		cfg := databasetest.Server(t).Config(t)
		db := databasetest.Open(t, cfg)
		var dir, pid string
		if err := db.QueryRow(`SELECT @@tmpdir, @@pid_file`).Scan(&dir, &pid); err != nil {
			t.Fatal(err)
		}
		number, err := os.ReadFile(pid)
		fmt.Printf("victim %s %s %v\n", dir, strings.TrimSpace(string(number)), err)
		select {}
	}
	databasetest.Config(t, "mysql") // skips if there is none
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), variable+"=1", "TEST_MYSQL_DSN=")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var dir string
	var pid int
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if n, _ := fmt.Sscanf(lines.Text(), "victim %s %d", &dir, &pid); n == 2 {
			break
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	if pid == 0 || dir == "" {
		t.Fatal("the other test binary has not started a server")
	}
	deadline := time.Now().Add(time.Minute)
	for {
		_, err := os.Stat(dir)
		alive := running(pid)
		if errors.Is(err, os.ErrNotExist) && !alive {
			return
		}
		if time.Now().After(deadline) {
			syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("10 s after its test binary was killed: server %d runs: %v; folder %s: %v", pid, alive, dir, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// running reports whether a process runs. One that is dead and waits for its
// parent to notice does not.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestDurableServerWritesCommitsToDisk(t *testing.T) {
	db := databasetest.Open(t, databasetest.DurableServer(t).Config(t))
	var server struct {
		Flush int    `db:"flush"`
		Dir   string `db:"dir"`
		PID   string `db:"pid"`
	}
	if err := db.Get(&server, `SELECT @@innodb_flush_log_at_trx_commit AS flush, @@datadir AS dir, @@pid_file AS pid`); err != nil {
		t.Fatal(err)
	}
	if server.Flush != 1 || !strings.HasPrefix(server.Dir, os.TempDir()) {
		t.Errorf("flush = %d in %s, want 1 below %s", server.Flush, server.Dir, os.TempDir())
	}
	// Whether it syncs is no variable that can be asked for: the last word counts.
	pid, err := os.ReadFile(server.PID)
	if err != nil {
		t.Fatal(err)
	}
	command, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/cmdline")
	if err != nil {
		t.Skip(err)
	}
	args := strings.Split(string(command), "\x00")
	if slices.Index(args, "--debug-no-sync") > slices.Index(args, "--loose-skip-debug-no-sync") {
		t.Errorf("it is told not to sync, and nothing else after that: %q", args)
	}
}
