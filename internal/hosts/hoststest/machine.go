package hoststest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A Machine is a Debian with systemd as its first process, in a container.
type Machine struct {
	ID      string
	Addr    string // the machine's
	Gateway string // this one's, as the machine reaches it

	t testing.TB
}

// StartMachine starts one of an image, which is made if need be, with more arguments for
// docker create. It is gone with the test; of one that failed the log is told.
func StartMachine(t testing.TB, image string, args ...string) *Machine {
	t.Helper()
	if exec.Command("docker", "version").Run() != nil {
		Missing(t, "a Docker engine")
	}
	NeedImage(t, image)
	start := exec.Command(filepath.Join(Root(t), "scripts/container-host.sh"), args...)
	start.Env = append(os.Environ(), "IMAGE="+image)
	out, err := start.CombinedOutput()
	if err != nil {
		Missing(t, fmt.Sprintf("a machine with systemd (%v: %s)", err, out))
	}
	m := &Machine{t: t, ID: strings.TrimSpace(string(out))}
	t.Cleanup(m.remove)
	m.Await("systemctl is-active multi-user.target")
	const addresses = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.Gateway}}{{end}}"
	if _, err := fmt.Sscan(Docker(t, "inspect", "-f", addresses, m.ID), &m.Addr, &m.Gateway); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *Machine) remove() {
	if m.t.Failed() {
		out, _ := m.Try("journalctl --no-pager -b -n 100")
		m.t.Logf("the machine's log:\n%s", out)
	}
	Docker(m.t, "rm", "-fv", m.ID)
}

// Try has a shell run a line as root, and returns all that was printed.
func (m *Machine) Try(line string) (string, error) { return m.exec("", "sh", "-c", line) }

// Type is [Machine.Try] of what somebody types who has just logged in: it ends with the first
// line that fails.
func (m *Machine) Type(text string) (string, error) {
	return m.exec("", "bash", "-eu", "-o", "pipefail", "-c", "cd\n"+text)
}

func (m *Machine) exec(input string, args ...string) (string, error) {
	cmd := exec.Command("docker", append([]string{"exec", "-i", "-e", "DEBIAN_FRONTEND=noninteractive", m.ID}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// Rebooting is what StartMachine is told of one that is to be rebooted.
const Rebooting = "--restart=unless-stopped"

// Reboot has the machine reboot, by itself, and returns when it is up again.
func (m *Machine) Reboot() {
	m.t.Helper()
	const started = "{{.State.StartedAt}}"
	was := Docker(m.t, "inspect", "-f", started, m.ID)
	_, _ = m.Try("systemctl reboot") // which ends this connection
	last := time.Now().Add(5 * time.Minute)
	for Docker(m.t, "inspect", "-f", started, m.ID) == was {
		if time.Now().After(last) {
			m.t.Fatal("the machine does not come back")
		}
		time.Sleep(100 * time.Millisecond)
	}
	m.Await("systemctl is-active multi-user.target")
}

// Run is [Machine.Try] of what has to succeed.
func (m *Machine) Run(line string) string {
	m.t.Helper()
	out, err := m.Try(line)
	if err != nil {
		m.t.Fatalf("on the machine: %s: %v\n%s", line, err, out)
	}
	return out
}

// Await runs a line until it succeeds.
func (m *Machine) Await(line string) {
	m.t.Helper()
	var out string
	var err error
	for last := time.Now().Add(5 * time.Minute); time.Now().Before(last); time.Sleep(100 * time.Millisecond) {
		if out, err = m.Try(line); err == nil {
			return
		}
	}
	m.t.Fatalf("on the machine, in vain: %s: %v\n%s\n%s", line, err, out, Docker(m.t, "logs", "--tail", "100", m.ID))
}

// Write puts a text into a file of the machine, behind what is there.
func (m *Machine) Write(file, text string) {
	m.t.Helper()
	if out, err := m.exec(text, "sh", "-c", "cat >>"+file); err != nil {
		m.t.Fatalf("write %s on the machine: %v\n%s", file, err, out)
	}
}
