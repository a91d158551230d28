package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/hostsetup"
	"wrpdistributor/internal/proctest"
)

// TestE2EHostsAddFails in all ways: a machine joins once all has passed, and never before.
func TestE2EHostsAddFails(t *testing.T) {
	proctest.E2E(t)
	t.Parallel()
	a := newAdder(t, startMachine(t))
	a.refusesBeforeAnything()
	a.failsAtEachStep()
	a.isInterrupted()
	a.goesBack()
}

// TestE2EHostsAdd makes a container host of a machine, in several ways.
func TestE2EHostsAdd(t *testing.T) {
	proctest.E2E(t)
	t.Parallel()
	a := newAdder(t, startMachine(t))
	a.joins()
	a.changesNothing()
	a.isPreparedByHand()
	a.convertsLists()
	a.goesWithoutGuard()
}

// refusesBeforeAnything: what can be known before the host is touched is looked at first.
func (a *adder) refusesBeforeAnything() {
	t := a.m.t
	for name, tt := range map[string]struct {
		env    []string
		answer string
		args   []string
		code   int
		want   string
	}{
		"HOSTS_FILE in a folder that is not there": {[]string{"HOSTS_FILE=/nowhere/hosts"}, "yes\n", []string{"root"}, 1, "/nowhere/hosts cannot be written"},
		"settings with a mistake":                  {[]string{"START_PORT=0"}, "yes\n", []string{"root"}, 2, "START_PORT"},
		"the answer no":                            {nil, "no\n", []string{"root"}, 1, `was not confirmed: the answer was "no"`},
		"no answer":                                {nil, "", []string{"root"}, 1, "was not confirmed"},
		"another fingerprint":                      {nil, "yes\n", []string{"root", "--fingerprint", "SHA256:x"}, 1, "--fingerprint is another"},
		"a guard for another machine":              {nil, "yes\n", []string{"root", "--guard", a.otherGuard()}, 1, "is for arm64, and the host is amd64"},
		"a sudo that asks":                         {nil, "yes\n", []string{"asked"}, 1, "sudo sh prepare.sh"},
		"a login that fails":                       {nil, "yes\n", []string{"nobodys"}, 1, "the operator's own ssh to " + a.m.Addr + " failed"},
		"a container without limits":               {[]string{"CONTAINER_MEMORY=0"}, "yes\n", []string{"root"}, 1, "want CONTAINER_MEMORY and CONTAINER_PIDS above 0"},
	} {
		other := newAdder(t, a.m)
		other.Env = append(other.Env, tt.env...)
		_, said := other.add(tt.code, tt.answer, tt.args...)
		a.m.says(name, said, tt.want)
		if other.file("ssh/known_hosts")+other.file("ssh/hosts") != "" {
			t.Errorf("%s: known_hosts or hosts were written", name)
		}
	}
	a.m.isUntouched("after refusals")
}

// otherGuard is a program that is for another kind of machine.
func (a *adder) otherGuard() string {
	a.m.t.Helper()
	text, err := os.ReadFile(filepath.Join(a.Bin, "hostguard"))
	if err != nil {
		a.m.t.Fatal(err)
	}
	const machine = 18 // where an ELF file has it
	text[machine] = 183
	file := filepath.Join(a.m.t.TempDir(), "wrp-hostguard-arm64")
	if err := os.WriteFile(file, text, 0o700); err != nil {
		a.m.t.Fatal(err)
	}
	return file
}

// failsAtEachStep: the step is named, with what was done before; once that is mended, the
// same command goes on.
func (a *adder) failsAtEachStep() {
	m := a.m
	for _, tt := range []struct{ step, harm, mend, want string }{
		{"this machine", "systemctl stop docker.socket docker", "systemctl start docker", "Docker does not answer"},
		{"this machine", "mv /usr/sbin/nft /usr/sbin/nft.away", "mv /usr/sbin/nft.away /usr/sbin/nft", "it lacks nftables"},
		{"image " + hoststest.Image, "docker rmi " + hoststest.Image, "docker load -i /images/wrp.tar", "docker load -i FILE"},
		{"hostguard", "printf '#!/bin/sh\nexit 1\n' >/usr/local/bin/gunzip; chmod +x /usr/local/bin/gunzip", "rm /usr/local/bin/gunzip", "cannot be written"},
		{"hostguard's settings", "echo NONSENSE=1 >/etc/wrp-hostguard.conf", "rm /etc/wrp-hostguard.conf", "NONSENSE"},
		{"hostguard's socket", "ln -s /dev/null /etc/systemd/system/wrp-hostguard.socket", "rm /etc/systemd/system/wrp-hostguard.socket; systemctl daemon-reload", "systemctl status wrp-hostguard.socket"},
		{"user wrp", "groupadd wrp", "groupdel wrp", "the words above say why"},
		{"the host's table", "ln -s /dev/null /etc/systemd/system/wrp-egress.service", "rm /etc/systemd/system/wrp-egress.service; systemctl daemon-reload", "is not loaded"},
		{"key", "ln -s /root /home/wrp/.ssh", "rm /home/wrp/.ssh", "/home/wrp/.ssh is a link"},
	} {
		m.Run(tt.harm)
		_, said := a.add(1, "yes\n", "root")
		m.says(tt.step+" fails", said, "  FAILED   "+tt.step+": ", tt.want, "was not prepared, see above")
		if strings.Contains(said, "  changed  ") {
			m.says(tt.step+" fails", said, "What was done so far")
		}
		if strings.Contains(said, "as the distributor sees it") || a.file("ssh/hosts") != "" {
			m.t.Errorf("%s fails: want neither a look at the host nor a line for it\n%s", tt.step, said)
		}
		m.Run(tt.mend)
	}
}

// isInterrupted: Ctrl-C amid the steps says what was done.
func (a *adder) isInterrupted() {
	m := a.m
	m.Run(`touch /run/hold; printf '#!/bin/sh\ntouch /run/here; while [ -e /run/hold ]; do sleep 0.1; done; exec /usr/bin/getent "$@"\n' >/usr/local/bin/getent; chmod +x /usr/local/bin/getent`)
	m.Run("userdel -r wrp 2>/dev/null; id wrp 2>/dev/null || true")
	p := a.Start("distributor", "hosts", "add", "--ssh", m.ssh, "root@"+m.Addr)
	m.Await("test -e /run/here")
	p.Signal(syscall.SIGINT)
	<-p.Done()
	m.says("Ctrl-C", p.Output(), "distributor: interrupted", "What was done so far", "on "+m.Addr+":\n    userdel -r wrp")
	if p.ExitCode() != 1 || a.file("ssh/hosts") != "" {
		m.t.Errorf("Ctrl-C: exit code %d, hosts %q, want 1 and none", p.ExitCode(), a.file("ssh/hosts"))
	}
	m.Run("rm /run/hold /usr/local/bin/getent")
	m.Await("! ls /tmp/tmp.* 2>/dev/null") // the script ends when it has something to say
}

// goesBack: a host that does not work does not join, and what is said to go back does.
func (a *adder) goesBack() {
	m := a.m
	a.denied()
	m.Run("userdel -r wrp")
	m.Run("systemctl disable --now wrp-hostguard.socket wrp-hostguard wrp-egress; rm -rf /usr/bin/wrp-hostguard* /etc/wrp-hostguard* /usr/lib/wrp-hostguard; rm -f /usr/lib/systemd/system/wrp-* /usr/lib/sysusers.d/wrp-*; systemctl daemon-reload; systemctl reset-failed")
	m.isUntouched("after cleaning by hand")
	_, said := a.denied()
	m.says("a host that does not let us in", said, "FAILED   login", "it has not joined", "What was done so far")
	if a.file("ssh/hosts") != "" {
		m.t.Errorf("it stands in HOSTS_FILE: %q", a.file("ssh/hosts"))
	}
	_, list, _ := strings.Cut(said, "What was done so far")
	list, _, _ = strings.Cut(list, "  here:\n")
	for line := range strings.Lines(list) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			m.Run(command)
		}
	}
	m.Run("systemctl daemon-reload")
	m.isUntouched("after going back")
}

// denied adds the host while its sshd does not let the new user in.
func (a *adder) denied() (out, said string) {
	a.m.Run("echo 'DenyUsers wrp' >/etc/ssh/sshd_config.d/deny.conf; systemctl restart ssh")
	defer a.m.Run("rm /etc/ssh/sshd_config.d/deny.conf; systemctl restart ssh")
	return a.add(1, "yes\n", "root")
}

// joins: a distributor that runs has the host at once, and clients get sessions there.
func (a *adder) joins() {
	m := a.m
	if err := os.WriteFile(a.hosts, []byte("# ours\nlocal max=1"), 0o600); err != nil {
		m.t.Fatal(err)
	}
	addr := proctest.FreeAddr(m.t)
	a.Set("LISTEN", addr)
	d := a.Start("distributor")
	proctest.AwaitReady(m.t, d, "http://"+addr)
	out, said := a.add(0, "yes\n", "admin")
	m.says("hosts add", said, "changed  user wrp: made, in group wrp-hostguard", "PASSED   way to Docker", "PASSED   container", "changed  HOSTS_FILE: ")
	m.says("reload", out, "joined: "+m.Addr)
	if got, want := a.file("ssh/hosts"), "# ours\nlocal max=1\n"+m.Addr+" user=wrp key="+m.Addr+".key\n"; got != want {
		m.t.Errorf("HOSTS_FILE is %q, want %q", got, want)
	}
	m.says("the key's line", m.Run("cat /home/wrp/.ssh/authorized_keys"), `permitopen="[/run/wrp-hostguard/docker.sock]:*"`)
	if groups := m.Run("id -nG wrp"); strings.Contains(groups, "docker") {
		m.t.Errorf("wrp is in %s, want no way to Docker beside the guard's", groups)
	}
	m.says("pages are kept in", m.Run("nft list table inet wrp_egress"), "wrp0")
}

// state is all that must not change by another time.
func (a *adder) state() string {
	return a.file("ssh/hosts") + a.file("ssh/known_hosts") + a.m.Run("stat -c '%n %Y %i %U %a' /usr/bin/wrp-* /etc/wrp-* /usr/lib/wrp-hostguard/* /usr/lib/systemd/system/wrp-* /home/wrp/.ssh/* /etc/passwd /etc/group; systemctl show -p ActiveEnterTimestamp wrp-hostguard wrp-egress")
}

func (a *adder) changesNothing() {
	before := a.state()
	out, said := a.add(0, "", "root")
	if strings.Contains(said, "changed") || out != "" {
		a.m.t.Errorf("a second time, want nothing changed:\n%s%s", out, said)
	}
	a.m.says("a second time", said, "stands in HOSTS_FILE=ssh/hosts already")
	if after := a.state(); after != before {
		a.m.t.Errorf("a second time changed the state from\n%s\nto\n%s", before, after)
	}
}

// isPreparedByHand: the script that is printed does the same, for another distributor with a
// key of its own; the line of the first stays.
func (a *adder) isPreparedByHand() {
	m, second := a.m, newAdder(a.m.t, a.m)
	out, _ := second.add(0, "", "root", "--print")
	script := filepath.Join(second.Dir, "prepare.sh")
	if err := os.WriteFile(script, []byte(out), 0o600); err != nil {
		m.t.Fatal(err)
	}
	hoststest.Docker(m.t, "cp", script, m.ID+":/prepare.sh")
	m.says("the script", m.Run("sh /prepare.sh"), "changed  key", "to go back: mv -f")
	m.says("the script, again", m.Run("sh /prepare.sh"), "ok       key")
	if n := m.Run("grep -c . /home/wrp/.ssh/authorized_keys"); n != "2" {
		m.t.Errorf("authorized_keys has %s lines, want those of both", n)
	}
	second.add(0, "yes\n", "root", "--prepared")
	m.says("HOSTS_FILE of the second", second.file("ssh/hosts"), m.Addr)
	half := out[:len(out)/2]
	if err := os.WriteFile(script, []byte(half), 0o600); err != nil {
		m.t.Fatal(err)
	}
	hoststest.Docker(m.t, "cp", script, m.ID+":/half.sh")
	if said, _ := m.Try("sh /half.sh"); strings.Contains(said, "  ok ") || strings.Contains(said, "changed") {
		m.t.Errorf("half of the script did something:\n%s", said)
	}
}

// convertsLists: with CONTAINER_HOSTS nothing is written but what belongs to the new host.
func (a *adder) convertsLists() {
	third := newAdder(a.m.t, a.m)
	third.Set("HOSTS_FILE", "")
	third.Set("CONTAINER_HOSTS", "local")
	third.Set("MAX_CONTAINERS_RUNNING", "4")
	out, said := third.add(0, "yes\n", "root", "--key", "mine")
	if want := "local max=4\n" + a.m.Addr + " user=wrp key=mine max=4\n"; out != want {
		a.m.t.Errorf("with CONTAINER_HOSTS %q is printed, want %q", out, want)
	}
	a.m.says("with CONTAINER_HOSTS", said, "HOSTS_FILE=ssh/hosts", "restart the distributor")
	if third.file("ssh/hosts") != "" || third.file(".env") != "" {
		a.m.t.Error("settings were written")
	}
}

// goesWithoutGuard, by Docker's own socket, or where sshd forbids that by a command.
func (a *adder) goesWithoutGuard() {
	m := a.m
	m.Run("rm -r /home/wrp/.ssh")
	fourth := newAdder(m.t, m)
	_, said := fourth.add(0, "yes\n", "root", "--no-guard")
	m.says("without guard", said, "root on the host", "its socket")
	m.Run("printf 'Match User wrp\nAllowStreamLocalForwarding no\n' >/etc/ssh/sshd_config.d/00-no.conf; systemctl restart ssh")
	_, said = fourth.add(0, "", "root", "--no-guard")
	m.says("without guard and sockets", said, "changed  key", "docker system dial-stdio")
	_, said = fourth.add(0, "", "root")
	m.says("with a guard, and without sockets", said, "changed  key", "changed  hostguard's folder", "dial-stdio")
	m.says("the key's line", m.Run("cat /home/wrp/.ssh/authorized_keys"), `command="/usr/bin/wrp-hostguard --stdio"`)
	m.Run("rm /etc/ssh/sshd_config.d/00-no.conf; systemctl restart ssh")
	_, said = fourth.add(0, "", "root")
	m.says("with all", said, "changed  no other way to Docker: wrp has left the group docker")
}

// TestKeyFilesAreNamedAfterHosts, so that no command takes one for an option.
func TestKeyFilesAreNamedAfterHosts(t *testing.T) {
	for host, want := range map[string]string{
		"c1.example": "c1.example.key", "c1.example:2222": "c1.example-2222.key",
		"fe80::1": "fe80--1.key", "[fe80::1]:2222": "fe80--1-2222.key", "::1": "1.key", "[::1]:2222": "1-2222.key",
	} {
		target, err := hostsetup.ParseTarget(host)
		a := addition{target: target}
		if got := a.keyFile(); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", host, got, err, want)
		}
	}
}
