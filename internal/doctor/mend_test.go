package doctor

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"

	"wrpdistributor/internal/hosts"
)

// TestMachineWithoutDockerNeedBeNoHost: where "local" is what was there before, nothing is
// to be installed for it.
func TestMachineWithoutDockerNeedBeNoHost(t *testing.T) {
	p := patient{Host: hosts.Host{Name: "local"}, cfg: Config{Place: "line 13 of HOSTS_FILE=/etc/hosts-of-ours"}}
	const line = "line 13 of HOSTS_FILE=/etc/hosts-of-ours"
	if m := p.mendWay(fmt.Errorf("dial: %w", os.ErrNotExist)); m.On != Here || !strings.Contains(m.Command, "systemctl start docker") || !strings.Contains(m.Command, line) {
		t.Errorf("without a socket: %+v, want both what starts Docker and %q", m, line)
	}
	if m := p.mendWay(fmt.Errorf("dial: %w", syscall.ECONNREFUSED)); strings.Contains(m.Command, line) {
		t.Errorf("with a socket: %+v, which has Docker", m)
	}
}

// TestGuardIsNotUndone: whatever is in the way, who types what is printed leaves the key the
// guard's socket only where there is a guard, and starts that.
func TestGuardIsNotUndone(t *testing.T) {
	p := patient{Host: hosts.Host{Name: "c1", SSH: &hosts.SSH{User: "wrp", Addr: "c1:22", Signer: signer(t)}}, way: hosts.Way{Endless: true}}
	for what, command := range map[string]string{
		"no way":             p.mendWay(hosts.ErrUnreachable).Command,
		"forbidden":          p.mendWay(fmt.Errorf("administratively prohibited")).Command,
		"a greeting":         strings.SplitAfter(p.mendWay(fmt.Errorf("before Docker answers")).Command, "prints it: ")[1],
		"what does not end":  p.mendMuteEngine(hosts.ErrUnreachable).Else.Command,
		"no way to the port": p.mendForwarding().Command,
		"no login":           p.mendLogin().Command,
	} {
		for _, guarded := range []bool{true, false} {
			said, keys := typed(t, command, guarded)
			if got := strings.Contains(keys, `permitopen="[/run/wrp-hostguard/docker.sock]:*"`); got != guarded || guarded == strings.Contains(keys, "/var/run/docker.sock") {
				t.Errorf("%s, guard %t: authorized_keys has\n%s", what, guarded, keys)
			}
			if !strings.HasPrefix(keys, another+"\n") {
				t.Errorf("%s: the key of somebody else, in a file without a last newline, has become\n%s", what, keys)
			}
			if guarded && (strings.Contains(said, "-aG docker") || strings.Contains(said, "-G docker")) {
				t.Errorf("%s: the user is taken into the group docker:\n%s", what, said)
			}
			if what == "no way" && strings.Contains(said, "restart wrp-hostguard.socket") != guarded {
				t.Errorf("%s, guard %t: typed was\n%s", what, guarded, said)
			}
		}
	}
}

// another is somebody else's key.
const another = "ssh-ed25519 AAAA another"

// typed runs a command as a host's root would, where all that changes the machine only says
// that it was called, and returns that and the file authorized_keys.
func typed(t *testing.T, command string, guarded bool) (said, keys string) {
	t.Helper()
	dir := t.TempDir()
	bin, home := filepath.Join(dir, "bin"), filepath.Join(dir, "home")
	for _, d := range []string{bin, filepath.Join(home, ".ssh")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"usermod", "useradd", "groupadd", "systemctl", "wrp-hostguard", "chown", "install", "getent", "id"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\necho "+name+" \"$@\"\n"), 0o700); err != nil { //nolint:gosec // it is to be run
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "wrp-hostguard.conf")
	if guarded {
		if err := os.WriteFile(config, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command = strings.NewReplacer("/etc/wrp-hostguard.conf", config, "~wrp", home).Replace(command)
	file := filepath.Join(home, ".ssh", "authorized_keys")
	if err := os.WriteFile(file, []byte(another), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "sh", "-c", command)
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(out), string(text)
}

// TestPasswordStays: of a user who is there already, unless sshd lets nobody in without one.
func TestPasswordStays(t *testing.T) {
	p := patient{Host: hosts.Host{Name: "c1", SSH: &hosts.SSH{User: "wrp", Addr: "c1:22", Signer: signer(t)}}}
	_, after, _ := strings.Cut(p.mendLogin().Command, "case ")
	command, _, _ := strings.Cut("case "+after, "; install")
	for shadow, want := range map[string]bool{"!": true, "!!": true, "*": false, "$y$j9T$x": false, "!$y$j9T$x": false, "": false} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", fmt.Sprintf("getent() { echo 'wrp:%s:1::::::'; }; usermod() { echo \"$@\"; }; %s", shadow, command)).CombinedOutput()
		if got := strings.Contains(string(out), "-p * wrp"); got != want || err != nil {
			t.Errorf("with %q in shadow, typed was %q (%v), want usermod: %t", shadow, out, err, want)
		}
	}
}

// TestRefusalOfTheGuardIsNoFaultOfDocker: a restart of Docker ends sessions, and mends nothing.
func TestRefusalOfTheGuardIsNoFaultOfDocker(t *testing.T) {
	command := mendEngine(fmt.Errorf("%s image \"other:1\" is not among those of this host: IMAGES in /etc/wrp-hostguard.conf", hosts.GuardSays))
	if strings.Contains(command, "restart docker") || !strings.Contains(command, "/etc/wrp-hostguard.conf") {
		t.Errorf("to type is %q", command)
	}
}

// TestDockerThatAnswersIsNotRestarted: where the key's command is what does not end.
func TestDockerThatAnswersIsNotRestarted(t *testing.T) {
	p := patient{Host: hosts.Host{Name: "c1", SSH: &hosts.SSH{User: "wrp", Addr: "c1:22", Signer: signer(t)}}, way: hosts.Way{Endless: true}}
	command := p.mendMuteEngine(hosts.ErrUnreachable).Command
	for _, answers := range []bool{true, false} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", fmt.Sprintf("docker() { %t; }; systemctl() { echo \"$@\"; }; %s", answers, command)).CombinedOutput()
		if got := string(out) == "restart docker\n"; got == answers || err != nil {
			t.Errorf("Docker answers: %t; %s: %v\n%s", answers, command, err, out)
		}
	}
}

func signer(t *testing.T) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
