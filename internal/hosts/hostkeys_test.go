package hosts

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh/knownhosts"

	"wrpdistributor/internal/hosts/hoststest"
)

// accepting returns host keys that are written to file, and what is logged.
func accepting(file string) (*hostKeys, *bytes.Buffer) {
	var log bytes.Buffer
	known := KnownHosts{Files: []string{filepath.Join(filepath.Dir(file), "none"), file}, AcceptNew: file}
	return &hostKeys{KnownHosts: known, log: slog.New(slog.NewTextHandler(&log, nil))}, &log
}

func accept(t *testing.T, k *hostKeys, addr string) error {
	t.Helper()
	return k.hostKeyCallback(addr, &net.TCPAddr{}, newSigner(t).PublicKey())
}

// TestUnusableLinesAreNamedOnce: each of them once, until it is another.
func TestUnusableLinesAreNamedOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known_hosts")
	k, log := accepting(file)
	must(t, os.WriteFile(file, []byte("# fine\na.example ssh-ed25519 AAAA\nb.example\n"), 0o600))
	for _, addr := range []string{"c.example:22", "d.example:22"} {
		must(t, accept(t, k, addr))
	}
	for _, line := range []string{file + ":2", file + ":3"} {
		if n := strings.Count(log.String(), "file="+line+" "); n != 1 {
			t.Errorf("%s named %d times, want once:\n%s", line, n, log)
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 2 {
		t.Errorf("%d lines, want 2:\n%s", n, log)
	}
}

// TestUnreadableFileConcernsItsHostsOnly: hosts of another file are known all the
// same, and those that may be in this one are not taken for new.
func TestUnreadableFileConcernsItsHostsOnly(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "unreadable") // for root, too
	must(t, os.Mkdir(folder, 0o700))
	key := newSigner(t).PublicKey()
	readable := filepath.Join(dir, "known_hosts")
	must(t, os.WriteFile(readable, []byte(knownhosts.Line([]string{"a.example"}, key)), 0o600))
	k, log := accepting(readable)
	k.Files[0] = folder
	if err := k.hostKeyCallback("a.example:22", &net.TCPAddr{}, key); err != nil {
		t.Errorf("known host: %v", err)
	}
	if err := accept(t, k, "b.example:22"); err == nil || !strings.Contains(err.Error(), "is unknown") || !strings.Contains(err.Error(), folder) {
		t.Errorf("host that may be in the other file: %v, want it unknown and the file named", err)
	}
	if n := strings.Count(log.String(), folder); n == 0 {
		t.Errorf("the file is not named:\n%s", log)
	}
}

// TestKnownHostsAreParsedWhenTheyChange, however little that is: the same size, and
// the same time.
func TestKnownHostsAreParsedWhenTheyChange(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known_hosts")
	k, _ := accepting(file)
	key, other := newSigner(t).PublicKey(), newSigner(t).PublicKey()
	write := func(line string) {
		must(t, os.WriteFile(file, []byte(line+"\n"), 0o600))
		must(t, os.Chtimes(file, time.Unix(1, 0), time.Unix(1, 0)))
	}
	check := func() error { return k.hostKeyCallback("a.example:22", &net.TCPAddr{}, key) }
	write(knownhosts.Line([]string{"a.example"}, key))
	before, _ := k.load()
	must(t, check())
	if now, _ := k.load(); &now[0].names[0] != &before[0].names[0] {
		t.Error("a file that did not change was parsed again")
	}
	write(knownhosts.Line([]string{"a.example"}, other))
	if err := check(); !errors.Is(err, errKeyMismatch) {
		t.Errorf("after the key in the file changed: %v, want %v", err, errKeyMismatch)
	}
}

// TestAcceptedKeyStandsOnItsOwnLine: whatever the file ended with.
func TestAcceptedKeyStandsOnItsOwnLine(t *testing.T) {
	for _, before := range []string{"", "a.example ssh-ed25519 AAAA", "# fine\n"} {
		file := filepath.Join(t.TempDir(), "data", "known_hosts")
		must(t, os.Mkdir(filepath.Dir(file), 0o700))
		must(t, os.WriteFile(file, []byte(before), 0o600))
		k, _ := accepting(file)
		must(t, accept(t, k, "b.example:22"))
		if err := accept(t, k, "b.example:22"); err == nil {
			t.Errorf("after %q: the key that was accepted is not known", before)
		}
		text, err := os.ReadFile(file)
		must(t, err)
		if !strings.HasPrefix(string(text), before) || !strings.HasSuffix(string(text), "\n") {
			t.Errorf("after %q the file is %q", before, text)
		}
	}
}

// TestAcceptedKeyFollowsNoLink: the service's user, whose folder it is, must not have
// root's cleanup write to other files.
func TestAcceptedKeyFollowsNoLink(t *testing.T) {
	for _, there := range []bool{true, false} {
		dir := t.TempDir()
		target, file := filepath.Join(dir, "target"), filepath.Join(dir, "known_hosts")
		if there {
			must(t, os.WriteFile(target, []byte("root's"), 0o600))
		}
		must(t, os.Symlink(target, file))
		k, _ := accepting(file)
		if err := accept(t, k, "a.example:22"); err == nil {
			t.Errorf("accepted into a link to a file that is there: %t", there)
		}
		if text, err := os.ReadFile(target); there && string(text) != "root's" || !there && err == nil {
			t.Errorf("the link's target is %q, %v; want it untouched", text, err)
		}
	}
}

// fileLimit names a variable that makes TestKeyIsAcceptedWholeOrNotAtAll, in a
// process of its own, one whose files cannot grow further than that.
const fileLimit = "HOSTS_TEST_FILE"

// TestKeyIsAcceptedWholeOrNotAtAll has the disk end in the middle of a line.
func TestKeyIsAcceptedWholeOrNotAtAll(t *testing.T) {
	if file := os.Getenv(fileLimit); file != "" {
		info, err := os.Stat(file)
		must(t, err)
		room := uint64(info.Size() + 40)
		must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: room, Max: room}))
		k, _ := accepting(file)
		fmt.Fprintln(os.Stderr, "accepting:", accept(t, k, "b.example:22"))
		return
	}
	file := filepath.Join(t.TempDir(), "known_hosts")
	k, _ := accepting(file)
	must(t, accept(t, k, "a.example:22"))
	before, err := os.ReadFile(file)
	must(t, err)
	cmd := exec.Command(os.Args[0], "-test.run=^TestKeyIsAcceptedWholeOrNotAtAll$")
	cmd.Env = append(os.Environ(), fileLimit+"="+file)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "file too large") {
		t.Fatalf("%v: %s, want the write to fail", err, out)
	}
	after, err := os.ReadFile(file)
	must(t, err)
	if string(after) != string(before) {
		t.Errorf("the file was\n%s\nand is\n%s", before, after)
	}
}

// TestAcceptedKeysAreForTheService: root's cleanup makes the file, and the service,
// whose folder it is, adds to it.
func TestAcceptedKeysAreForTheService(t *testing.T) {
	if os.Geteuid() != 0 {
		hoststest.Missing(t, "root, whose file it would be")
	}
	const service = 12345
	home := t.TempDir()
	must(t, os.Chown(home, service, service))
	file := filepath.Join(home, "data", "known_hosts")
	k, _ := accepting(file)
	defer syscall.Umask(syscall.Umask(0o077))
	must(t, accept(t, k, "a.example:22"))
	for _, path := range []string{filepath.Dir(file), file} {
		info, err := os.Stat(path)
		must(t, err)
		if uid := info.Sys().(*syscall.Stat_t).Uid; uid != service {
			t.Errorf("%s belongs to %d, want %d", path, uid, service)
		}
	}
	// A service that is another user still than the folder's can read it.
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v; want everybody to be able to read it", info.Mode(), err)
	}
}
