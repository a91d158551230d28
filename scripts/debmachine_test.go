package scripts_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/hosts/hoststest"
)

// A machine is a Debian with systemd, in a container, on which packages are installed.
type machine struct {
	t       *testing.T
	id      string
	Addr    string // the machine's
	Gateway string // this one's, as the machine reaches it
}

// startMachine starts one that has the files of a folder in /packages.
func startMachine(t *testing.T, packages string) *machine {
	t.Helper()
	return startMachineOf(t, "wrp-test-machine", "-v", packages+":/packages:ro")
}

// startMachineOf starts one of an image, which is made if need be, with more arguments for
// docker create.
func startMachineOf(t *testing.T, image string, args ...string) *machine {
	t.Helper()
	root := hoststest.Root(t)
	if exec.Command("docker", "version").Run() != nil {
		hoststest.Missing(t, "a Docker engine")
	}
	hoststest.NeedImage(t, image)
	id, code := script(t, root, []string{"IMAGE=" + image}, "container-host.sh", args...)
	if code != 0 {
		hoststest.Missing(t, "a machine with systemd: "+id)
	}
	m := &machine{t: t, id: strings.TrimSpace(id)}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := m.try("journalctl --no-pager -b -n 100")
			t.Logf("the machine's log:\n%s", out)
		}
		hoststest.Docker(t, "rm", "-fv", m.id)
	})
	m.await("systemctl is-active multi-user.target")
	const addresses = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.Gateway}}{{end}}"
	if _, err := fmt.Sscan(hoststest.Docker(t, "inspect", "-f", addresses, m.id), &m.Addr, &m.Gateway); err != nil {
		t.Fatal(err)
	}
	return m
}

// try runs a command line on the machine as root, and returns what it printed.
func (m *machine) try(line string) (string, error) {
	cmd := exec.Command("docker", "exec", "-e", "DEBIAN_FRONTEND=noninteractive", m.id, "sh", "-c", line)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// run is [machine.try] of what has to succeed.
func (m *machine) run(line string) string {
	m.t.Helper()
	out, err := m.try(line)
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return out
}

// says is [machine.run] of what has to print something.
func (m *machine) says(want, line string) {
	m.t.Helper()
	if out := m.run(line); !strings.Contains(out, want) {
		m.t.Errorf("%s: want %q in\n%s", line, want, out)
	}
}

// fails runs what has to end with another exit code than 0, and to say something.
func (m *machine) fails(want, line string) {
	m.t.Helper()
	if out, err := m.try(line); err == nil || !strings.Contains(out, want) {
		m.t.Errorf("%s: %v, want that it fails and says %q:\n%s", line, err, want, out)
	}
}

// await runs a command line until it succeeds.
func (m *machine) await(line string) {
	m.t.Helper()
	var out string
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if out, err = m.try(line); err == nil {
			return
		}
	}
	m.t.Fatalf("%s: never succeeds: %v\n%s", line, err, out)
}

// write puts a text into a file of the machine, behind what is there.
func (m *machine) write(file, text string) {
	m.t.Helper()
	cmd := exec.Command("docker", "exec", "-i", m.id, "sh", "-c", "cat >>"+file)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("write %s: %v\n%s", file, err, out)
	}
}

// nothingIsLeft of what has this in its name, but for its user.
func (m *machine) nothingIsLeft(name string) {
	m.t.Helper()
	if left := m.run("find /etc /run /usr /var -xdev -path /var/lib/docker -prune -o -name '*" + name + "*' -print"); left != "" {
		m.t.Errorf("left after the purge:\n%s", left)
	}
}

func removeContainer(id string) error { return exec.Command("docker", "rm", "-fv", id).Run() }

// withVersion makes a package out of another that says to be of that version.
func withVersion(t *testing.T, file, version string) {
	t.Helper()
	dir := t.TempDir()
	deb := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("dpkg-deb", args...).CombinedOutput(); err != nil {
			t.Fatalf("dpkg-deb %v: %v\n%s", args, err, out)
		}
	}
	deb("-R", file, dir)
	control := filepath.Join(dir, "DEBIAN", "control")
	text, err := os.ReadFile(control)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if was, ok := strings.CutPrefix(line, "Version: "); ok {
			lines[i], file = "Version: "+version, strings.Replace(file, was, version, 1)
		}
	}
	write(t, control, strings.Join(lines, "\n"), 0o644)
	deb("-Znone", "--root-owner-group", "-b", dir, file)
}
