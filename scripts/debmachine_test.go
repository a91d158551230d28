package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
)

// A machine is one on which packages are installed.
type machine struct {
	*hoststest.Machine
	t *testing.T
}

// startMachine starts one that has the files of a folder in /packages.
func startMachine(t *testing.T, packages string) *machine {
	t.Helper()
	return &machine{t: t, Machine: hoststest.StartMachine(t, "wrp-test-machine", "-v", packages+":/packages:ro")}
}

// says is [hoststest.Machine.Run] of what has to print something.
func (m *machine) says(want, line string) {
	m.t.Helper()
	if out := m.Run(line); !strings.Contains(out, want) {
		m.t.Errorf("%s: want %q in\n%s", line, want, out)
	}
}

// fails runs what has to end with another exit code than 0, and to say something.
func (m *machine) fails(want, line string) {
	m.t.Helper()
	if out, err := m.Try(line); err == nil || !strings.Contains(out, want) {
		m.t.Errorf("%s: %v, want that it fails and says %q:\n%s", line, err, want, out)
	}
}

// nothingIsLeft of what has this in its name, but for its user.
func (m *machine) nothingIsLeft(name string) {
	m.t.Helper()
	if left := m.Run("find /etc /run /usr /var -xdev -path /var/lib/docker -prune -o -name '*" + name + "*' -print"); left != "" {
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
