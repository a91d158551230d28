package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// A machine is one that may become a container host: systemd, Docker and sshd in a
// container, and an operator's key that root, admin (who may use sudo) and asked (whom sudo
// asks for a password) have.
type machine struct {
	*hoststest.Machine
	t   *testing.T
	ssh string // the operator's
}

func startMachine(t *testing.T) *machine {
	t.Helper()
	hoststest.StandIn(t)
	dir := t.TempDir()
	key, image, conf := filepath.Join(dir, "key"), filepath.Join(dir, "wrp.tar"), filepath.Join(dir, "ssh_config")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	hoststest.Docker(t, "save", "-o", image, hoststest.Image)
	text := "Host *\n IdentityFile " + key + "\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--tmpfs", "/var/lib/docker:exec", "-v", image + ":/images/wrp.tar:ro"}
	for _, user := range []string{"root", "admin", "asked"} {
		args = append(args, "-v", key+".pub:/keys/"+user+".pub:ro")
	}
	m := &machine{t: t, Machine: hoststest.StartMachine(t, "wrp-test-new-host", args...), ssh: "ssh -F " + conf}
	m.Await("test -e /run/ready")
	return m
}

// isUntouched fails the test if anything of ours is on the machine.
func (m *machine) isUntouched(when string) {
	m.t.Helper()
	out := m.Run(`for f in /usr/bin/wrp-hostguard /etc/wrp-hostguard.conf /usr/lib/wrp-hostguard/* /usr/lib/systemd/system/wrp-* /usr/lib/sysusers.d/wrp-* /home/wrp; do [ ! -e $f ] || echo $f; done
id wrp 2>/dev/null; nft list tables | grep wrp; systemctl is-active wrp-hostguard.socket wrp-egress | grep -v inactive; true`)
	if out != "" {
		m.t.Errorf("%s: on the machine are\n%s\nwant nothing of ours", when, out)
	}
}

// An adder is an operator with a folder of settings, who adds a machine.
type adder struct {
	*proctest.Commands
	m     *machine
	hosts string // the file
}

func newAdder(t *testing.T, m *machine) *adder {
	t.Helper()
	a := &adder{Commands: commands(t), m: m}
	a.hosts = filepath.Join(a.Dir, "ssh", "hosts")
	if err := os.Mkdir(filepath.Dir(a.hosts), 0o700); err != nil {
		t.Fatal(err)
	}
	a.Set("AUTH_TOKEN", "x")
	a.Set("HOSTS_FILE", "ssh/hosts")
	a.Set("WRP_IMAGE", hoststest.Image)
	a.Set("GATEWAY_LISTEN", "127.0.0.1:0")
	a.Set("CONNECT_TIMEOUT", "30s")
	a.Set("READY_TIMEOUT", "50s")
	return a
}

// add adds the machine with this answer to what is asked, and returns what is printed and
// what is said. More arguments follow who logs in.
func (a *adder) add(code int, answer string, args ...string) (out, said string) {
	a.m.t.Helper()
	args[0] += "@" + a.m.Addr
	cmd := a.Command("distributor", append([]string{"hosts", "add", "--ssh", a.m.ssh}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(answer), &stdout, &stderr
	_ = cmd.Run() // its code says more
	if got := cmd.ProcessState.ExitCode(); got != code {
		a.m.t.Fatalf("hosts add %q: exit code %d, want %d\n%s%s", args, got, code, &stdout, &stderr)
	}
	return stdout.String(), stderr.String()
}

// says fails the test if one of several parts is missing in a text.
func (m *machine) says(what, text string, parts ...string) {
	m.t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			m.t.Errorf("%s: %q is missing in\n%s", what, part, text)
		}
	}
}

// file returns the text of a file of the operator's; of one that is missing, nothing.
func (a *adder) file(name string) string {
	text, err := os.ReadFile(filepath.Join(a.Dir, name))
	if err != nil && !os.IsNotExist(err) {
		a.m.t.Fatal(err)
	}
	return string(text)
}
