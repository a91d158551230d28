package scripts_test

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestBackupThatIsCutOff leaves no half, which would have tokens of sessions in it.
func TestBackupThatIsCutOff(t *testing.T) {
	for _, name := range []string{"INT", "TERM", "HUP"} {
		dir := sqliteFolder(t)
		env := cutsOff(t, dir, name, ".backup")
		isCutOff(t, "Cut off before this backup was done.", dir, env, "backup", "x.db")
		if left, _ := filepath.Glob(filepath.Join(dir, "x.db*")); len(left) > 0 {
			t.Errorf("%s: it leaves %q", name, left)
		}
	}
}

// TestRestoreThatIsCutOff says where that is which it has overwritten by then.
func TestRestoreThatIsCutOff(t *testing.T) {
	dir := sqliteFolder(t)
	succeeds(t, "Backed up", dir, nil, "backup.sh", "backup", "x.db")
	out := isCutOff(t, "What was there before is in backup-", dir, cutsOff(t, dir, "INT", ".restore"), "restore", "x.db")
	kept, _ := filepath.Glob(filepath.Join(dir, "backup-*.before-restore.db"))
	if len(kept) != 1 || !strings.Contains(out, "is in "+filepath.Base(kept[0])+".") {
		t.Errorf("kept is %q, and it says:\n%s", kept, out)
	}
	// Nothing was lost before that was kept.
	out = isCutOff(t, "Cut off", dir, cutsOff(t, dir, "INT", ".backup"), "restore", "x.db")
	if strings.Contains(out, "What was there") {
		t.Errorf("it promises what it does not have:\n%s", out)
	}
}

// TestBackupOfTheStackThatEndsEarly leaves MySQL as it was, and no half of a dump.
func TestBackupOfTheStackThatEndsEarly(t *testing.T) {
	for _, tt := range []struct {
		name, dump string
		running    bool
		code       int
		want       string
	}{
		{"cut off", "echo half; kill -INT $PPID; exit 130", false, 130, "Cut off before this backup was done."},
		{"cut off while the stack runs", "echo half; kill -INT $PPID; exit 130", true, 130, "Cut off before this backup was done."},
		{"fails", "echo half; exit 2", false, 1, "The database cannot be dumped."},
		{"is not whole", "echo half", false, 1, "The dump is not whole"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hearSignals(t)
			dir := stackFolder(t)
			env := pretendDocker(t, dir, `[ "$command" != exec ] || { `+tt.dump+`; }`)
			if tt.running {
				write(t, filepath.Join(dir, "services/mysql"), "", 0o600)
			}
			if out, code := script(t, dir, env, "backup.sh", "backup", "x.sql"); code != tt.code || !strings.Contains(out, tt.want) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, tt.code, tt.want, out)
			}
			if _, err := os.Stat(filepath.Join(dir, "services/mysql")); (err == nil) != tt.running {
				t.Errorf("MySQL runs: %v, and did: %v\n%s", err == nil, tt.running, told(t, dir))
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "x.sql*")); len(left) > 0 {
				t.Errorf("it leaves %q", left)
			}
		})
	}
}

// cutsOff returns a PATH with a sqlite3 at whose end of that command the script gets a signal.
func cutsOff(t *testing.T, dir, name, at string) []string {
	t.Helper()
	hearSignals(t)
	real, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "fake/sqlite3"), "#!/bin/sh\n"+real+` "$@"; code=$?
case "$*" in *"`+at+` "*) kill -`+name+` $PPID ;; esac
exit $code
`, 0o700)
	return []string{"PATH=" + filepath.Join(dir, "fake") + ":" + os.Getenv("PATH")}
}

// hearSignals has scripts hear the signals that this process was started without, such as by
// nohup: no shell can trap what it was started without.
func hearSignals(t *testing.T) {
	t.Helper()
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGHUP, syscall.SIGINT)
	t.Cleanup(func() { signal.Stop(handled) })
}

// isCutOff is [script] of backup.sh, which a signal ends, and which has to say want.
func isCutOff(t *testing.T, want, dir string, env []string, args ...string) string {
	t.Helper()
	out, code := script(t, dir, env, "backup.sh", args...)
	if code != 130 || !strings.Contains(out, want) {
		t.Errorf("%v: exit code %d, want 130 and %q:\n%s", args, code, want, out)
	}
	return out
}
