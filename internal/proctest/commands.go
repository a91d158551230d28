package proctest

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Commands are this module's commands, built and configured as operators do it:
// by the environment and a folder ssh.
type Commands struct {
	Bin string   // folder of the programs
	Dir string   // where they run
	Env []string // on top of PATH and HOME

	t testing.TB
}

// A Host is what an operator knows of a container host.
type Host struct {
	Name       string // in CONTAINER_HOSTS
	User       string
	Key        []byte // PEM
	Passphrase string // of the key
	KnownHosts string // line of known_hosts
	Options    string // of its line in HOSTS_FILE, but for user and key
}

// Build builds commands with these flags of go build.
func Build(t testing.TB, flags ...string) *Commands {
	t.Helper()
	return BuildInto(t, t.TempDir(), flags...)
}

// BuildInto is [Build] into a folder. What is there already, and up to date, is not
// linked again.
func BuildInto(t testing.TB, bin string, flags ...string) *Commands {
	t.Helper()
	c := &Commands{Bin: bin, Dir: t.TempDir(), t: t}
	build := append([]string{"build", "-o", c.Bin + "/"}, flags...)
	if out, err := exec.CommandContext(t.Context(), "go", append(build, "wrpdistributor/cmd/...")...).CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return c
}

// For returns the same commands, to be configured anew for a test of its own.
func (c *Commands) For(t testing.TB) *Commands {
	t.Helper()
	return &Commands{Bin: c.Bin, Dir: t.TempDir(), t: t}
}

// Set sets a variable of the environment.
func (c *Commands) Set(name, value string) { c.Env = append(c.Env, name+"="+value) }

// UseHosts sets the hosts and writes their keys and known_hosts.
func (c *Commands) UseHosts(hosts ...Host) {
	c.t.Helper()
	var names, keys []string
	var known strings.Builder
	for i, h := range hosts {
		key := fmt.Sprintf("key%d", i)
		c.write(key, h.Key)
		known.WriteString(strings.TrimSpace(h.KnownHosts) + "\n")
		names = append(names, h.Name)
		keys = append(keys, strings.TrimSuffix(h.User+"~"+key+"~"+h.Passphrase, "~"))
	}
	c.write("known_hosts", []byte(known.String()))
	c.Set("CONTAINER_HOSTS", strings.Join(names, ","))
	c.Set("CONTAINER_HOSTS_KEYS", strings.Join(keys, ","))
}

// UseHostsFile is [Commands.UseHosts] with a HOSTS_FILE, in which all of them stand.
func (c *Commands) UseHostsFile(hosts ...Host) {
	c.t.Helper()
	var known strings.Builder
	for _, h := range hosts {
		c.write(h.keyFile(), h.Key)
		known.WriteString(strings.TrimSpace(h.KnownHosts) + "\n")
	}
	c.write("known_hosts", []byte(known.String()))
	c.WriteHostsFile(hosts...)
	c.Set("HOSTS_FILE", filepath.Join(c.Dir, "ssh", "hosts"))
}

// WriteHostsFile makes some of those hosts all that stand in HOSTS_FILE from now on.
func (c *Commands) WriteHostsFile(hosts ...Host) {
	c.t.Helper()
	var lines strings.Builder
	for _, h := range hosts {
		fmt.Fprintf(&lines, "%s user=%s key=%s %s\n", h.Name, h.User, h.keyFile(), h.Options)
	}
	c.write("hosts.new", []byte(lines.String()))
	path := filepath.Join(c.Dir, "ssh", "hosts")
	if err := os.Rename(path+".new", path); err != nil { // nobody reads half of it
		c.t.Fatal(err)
	}
}

func (h Host) keyFile() string { return "key-" + strings.ReplaceAll(h.Name, ":", "-") }

// write writes a file of the folder ssh.
func (c *Commands) write(name string, text []byte) {
	c.t.Helper()
	path := filepath.Join(c.Dir, "ssh", name)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// Command is a program that has not been started yet.
func (c *Commands) Command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.Bin, name), args...)
	cmd.Dir = c.Dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.Dir}, c.Env...)
	return cmd
}

// Start starts a program, which ends with the test.
func (c *Commands) Start(name string, args ...string) *Process {
	c.t.Helper()
	return Start(c.t, c.Command(name, args...))
}

// AwaitReady waits until the distributor at an URL can hand out sessions.
func AwaitReady(t testing.TB, distributor *Process, url string) {
	t.Helper()
	for deadline := time.After(patience); ; {
		if a, err := Do(t.Context(), Request{Method: http.MethodGet, URL: url + "/readyz"}); err == nil && a.Code == http.StatusOK {
			return
		}
		select {
		case <-distributor.Done():
			t.Fatalf("the distributor ended:\n%s", distributor.Output())
		case <-deadline:
			t.Fatalf("the distributor does not get ready:\n%s", distributor.Output())
		case <-t.Context().Done():
			t.Fatal("interrupted")
		case <-time.After(lookPause):
		}
	}
}

const (
	patience  = 2 * time.Minute // far longer than a start takes on a slow machine
	lookPause = 20 * time.Millisecond
)
