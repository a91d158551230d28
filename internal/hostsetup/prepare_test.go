package hostsetup

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestRootFollowsNoLinks of the user's, in whose folder it writes: what they lead to stays.
func TestRootFollowsNoLinks(t *testing.T) {
	dir := t.TempDir()
	victim, file := filepath.Join(dir, "victim"), filepath.Join(dir, "keys")
	for name, text := range map[string]string{victim: "root's\n", file: "before\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	begin := "cd " + Quote(dir) + "; for end in before new; do ln -s victim keys.$end; done; "
	if got := runScript(t, anyScript(t), begin+"put 644 "+Quote(file)+" guard_settings"); got != "to go back: mv -f "+file+".before "+file+"\n" {
		t.Errorf("it is said to go back by %q", got)
	}
	for name, want := range map[string]string{victim: "root's\n", file + ".before": "before\n", file: anyScript(t).Settings} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s has %q, %v; want %q", name, got, err, want)
		}
	}
	if info, err := os.Stat(file + ".before"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("what was there has %v, %v; want its mode as it was", info.Mode(), err)
	}
}

// TestNamesOfUsersAreNoCommands: they stand in commands that are to be typed.
func TestNamesOfUsersAreNoCommands(t *testing.T) {
	for user, want := range map[string]string{"wrp": "goes on\n", "wrp@corp.example": "goes on\n", "x;reboot": "", "-r": "", "a b": "", "$(id)": ""} {
		s := anyScript(t)
		s.User = user
		last := "id() { echo 0; }; need() { echo goes on; exit 0; }; one_at_a_time() { :; }; look || true"
		if got, _ := shell(t, scriptWith(t, s, last)); got != want {
			t.Errorf("--user %q says %q, want %q", user, got, want)
		}
	}
}

// TestOneScriptAtATime: the second one waits.
func TestOneScriptAtATime(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	last := "lock=" + Quote(f.Name()) + "; flock() { [ \"$1\" != 9 ] || echo waits; command flock -n 9; }; one_at_a_time || exit 0"
	if got, err := shell(t, scriptWith(t, anyScript(t), last)); err != nil || !strings.Contains(got, "waits") {
		t.Errorf("beside another it says %q, %v; want it to wait", got, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	if got, err := shell(t, scriptWith(t, anyScript(t), last)); err != nil || got != "" {
		t.Errorf("alone it says %q, %v; want nothing", got, err)
	}
}
