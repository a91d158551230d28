package hosts

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"wrpdistributor/internal/hosts/hoststest"
)

// noFiles are what may be in the place of a known_hosts file, and the words for it.
var noFiles = []struct {
	name string
	make func(path string) error
	want []string
}{
	{"pipe", func(path string) error { return syscall.Mkfifo(path, 0o600) }, []string{"is a named pipe", "put a file in its place"}},
	{"device", func(path string) error { return os.Symlink("/dev/ptmx", path) }, []string{"is a device", "put a file in its place"}},
	{"folder", func(path string) error { return os.Mkdir(path, 0o700) }, []string{"is a folder", "put a file in its place"}},
	{"socket", func(path string) error {
		ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err == nil {
			ln.SetUnlinkOnClose(false)
			err = ln.Close()
		}
		return err
	}, []string{"is a socket", "put a file in its place"}},
	{"dangling link", func(path string) error { return os.Symlink("/nowhere/keys", path) }, []string{"is a link to /nowhere/keys, which is not there", "remove the link"}},
}

// TestRealNoKeyFile: what is in the place of a known_hosts file and is none keeps no
// login waiting. It is named, in the log once and as why the host is down, with what to
// do.
func TestRealNoKeyFile(t *testing.T) {
	sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{})
	for _, tt := range noFiles {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "known_hosts")
			must(t, tt.make(file))
			log := &journal{}
			p, err := New(Config{Hosts: []Host{hostOf(t, sshd, "h", "")}, KnownHosts: KnownHosts{Files: []string{file}},
				ConnectTimeout: 2 * time.Second, Log: slog.New(slog.NewTextHandler(log, nil))})
			must(t, err)
			p.CheckHealth(t.Context())
			st := p.Status()[0]
			for _, want := range append(tt.want, file) {
				if st.State != Unreachable || !strings.Contains(st.Reason, want) {
					t.Errorf("the host is %s: %q, want %q", st.State, st.Reason, want)
				}
			}
			if n := log.count("not usable there, skipped"); n != 1 {
				t.Errorf("the log names it %d times, want once", n)
			}
			must(t, p.Close())
		})
	}
}

// TestAcceptedKeyWantsFile: keys are added to files only.
func TestAcceptedKeyWantsFile(t *testing.T) {
	for _, tt := range noFiles {
		file := filepath.Join(t.TempDir(), "known_hosts")
		must(t, tt.make(file))
		k, _ := accepting(file)
		k.Files = k.Files[:1] // that one is not looked at before
		if err := accept(t, k, "a.example:22"); err == nil || !strings.Contains(err.Error(), file+" is a") {
			t.Errorf("%s: %v, want it named", tt.name, err)
		}
	}
}

// TestNullHasNoKeys: the usual way to say that there are none.
func TestNullHasNoKeys(t *testing.T) {
	if text, err := ReadFile(os.DevNull); err != nil || len(text) != 0 {
		t.Errorf("%s: %q, %v", os.DevNull, text, err)
	}
}
