package doctor_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/doctor"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// real returns settings for an OpenSSH server before this machine's engine.
func real(t *testing.T, s *hoststest.SSHD) (doctor.Config, hosts.Host) {
	t.Helper()
	hoststest.StandIn(t)
	signer, err := hosts.LoadKey(s.KeyFile, "")
	must(t, err)
	how := doctor.Config{StartPort: proctest.FreeRange(t, 4), Hosts: hosts.Config{
		Container:  hosts.ContainerConfig{Image: hoststest.Image, Args: []string{"-token", "{token}"}, Memory: 64 << 20, Pids: 64},
		KnownHosts: hosts.KnownHosts{Files: []string{s.KnownHosts}}, SparePorts: 2, ConnectTimeout: 3 * time.Second,
	}}
	return how, hosts.Host{Name: s.Addr, Address: "127.0.0.1", Max: 2, SSH: &hosts.SSH{Addr: s.Addr, User: s.User, Signer: signer}}
}

// TestRealCauses is TestFirstCause with OpenSSH and a real engine.
func TestRealCauses(t *testing.T) {
	for name, tt := range map[string]struct {
		opt     hoststest.SSHDOptions
		gateway bool
		harm    func(*hosts.Host, *hoststest.SSHD)
		want    cause
	}{
		"permitopen missing": {opt: hoststest.SSHDOptions{KeyOptions: `restrict,port-forwarding,permitopen="[/var/run/docker.sock]:*"`}, gateway: true,
			want: cause{step: "way to containers", found: "forbids the way to containers", command: `permitopen="127.0.0.1:*"`}},
		"no dial-stdio": {opt: hoststest.SSHDOptions{KeyOptions: `restrict,command="/bin/false"`},
			want: cause{step: "way to Docker", found: "such as /bin/false", command: `s=/var/run/docker.sock g=docker; fi; `}},
		"MaxSessions 0": {opt: hoststest.SSHDOptions{KeyOptions: `restrict,command="docker system dial-stdio"`, Config: "MaxSessions 0"},
			want: cause{step: "way to Docker", found: "sshd allows no sessions", command: "MaxSessions"}},
		"MaxSessions 1": {opt: hoststest.SSHDOptions{KeyOptions: `restrict,command="docker system dial-stdio"`, Config: "MaxSessions 1"},
			want: cause{step: "way to Docker", found: "with 1 SSH session at once", command: "MaxSessions"}},
		"a greeting": {opt: hoststest.SSHDOptions{KeyOptions: `restrict,command="echo welcome; docker system dial-stdio"`},
			want: cause{step: "way to Docker", found: `prints "welcome`, command: ".bashrc"}},
		"a command without an end": {opt: hoststest.SSHDOptions{KeyOptions: `restrict,command="exec sleep 30"`},
			want: cause{step: "engine", found: "does not answer", command: "systemctl restart docker"}},
		"engine not there": {opt: hoststest.SSHDOptions{KeyOptions: `restrict,command="docker -H unix:///nowhere system dial-stdio"`},
			want: cause{step: "way to Docker", found: "dial unix /nowhere", command: "systemctl start docker"}},
		"docker not there": {opt: hoststest.SSHDOptions{KeyOptions: `restrict,command="PATH=/nowhere; docker system dial-stdio"`},
			want: cause{step: "way to Docker", found: "not found", command: "apt-get install -y docker.io"}},
		"no such user": {harm: func(h *hosts.Host, _ *hoststest.SSHD) { h.SSH.User = "nosuchuser" },
			want: cause{step: "login", found: "log in as nosuchuser", command: "useradd -m -G $g nosuchuser"}},
		"key not there": {harm: func(_ *hosts.Host, s *hoststest.SSHD) { s.SetKeyOptions("no-such-option") },
			want: cause{step: "login", found: "a mistake in its options", command: "authorized_keys"}},
		"sshd stopped": {harm: func(_ *hosts.Host, s *hoststest.SSHD) { s.Kill() },
			want: cause{step: "connection", found: "refused", command: "systemctl enable --now ssh"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := hoststest.StartSSHD(t, tt.opt)
			how, h := real(t, s)
			if tt.gateway {
				how.Hosts.GatewayStartPort = how.StartPort
			}
			if tt.harm != nil {
				tt.harm(&h, s)
			}
			tt.want.on = h.Name
			tt.want.want(t, check(t, how, h))
		})
	}
}

// TestRealEngineHangs: behind a command that reaches it, and does not end.
func TestRealEngineHangs(t *testing.T) {
	engine := hoststest.StartEngine(t)
	how, h := real(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{KeyOptions: engine.KeyOptions()}))
	engine.Freeze()
	cause{"engine", "does not answer", h.Name, "systemctl restart docker"}.want(t, check(t, how, h))
	engine.Thaw()
	wantPassed(t, check(t, how, h))
}

// TestRealHostKeysAreMended types what the list says.
func TestRealHostKeysAreMended(t *testing.T) {
	for name, break_ := range map[string]func(*hoststest.SSHD) error{
		"unknown": func(s *hoststest.SSHD) error { return os.Remove(s.KnownHosts) },
		"changed": func(s *hoststest.SSHD) error {
			other, err := os.ReadFile(hoststest.StartSSHD(t, hoststest.SSHDOptions{}).KnownHosts)
			_, key, _ := strings.Cut(string(other), " ")
			host, port, _ := net.SplitHostPort(s.Addr)
			write(t, s.KnownHosts, fmt.Sprintf("[%s]:%s %s", host, port, key))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := hoststest.StartSSHD(t, hoststest.SSHDOptions{})
			how, h := real(t, s)
			must(t, break_(s))
			r := check(t, how, h)
			cause{step: "host key", on: doctor.Here, command: "ssh-keyscan"}.want(t, r)
			mend := last(r).Mend
			if out, err := exec.Command("sh", "-c", mend.Command+"\n"+mend.Else.Command).CombinedOutput(); err != nil || strings.Contains(string(out), "annot stat") {
				t.Fatalf("%s, %s: %v\n%s", mend.Command, mend.Else.Command, err, out)
			}
			wantPassed(t, check(t, how, h))
		})
	}
}

// TestRealHealthyHosts: by SSH with the key of docs/operations.md, and this machine itself.
func TestRealHealthyHosts(t *testing.T) {
	s := hoststest.StartSSHD(t, hoststest.SSHDOptions{
		KeyOptions: `restrict,port-forwarding,command="/bin/false",permitopen="[/var/run/docker.sock]:*",permitopen="127.0.0.1:*",permitlisten="127.0.0.1:1"`,
	})
	how, h := real(t, s)
	wantPassed(t, check(t, how, h))
	how.Hosts.GatewayStartPort = how.StartPort
	wantPassed(t, check(t, how, h))
	wantPassed(t, check(t, how, hosts.Host{Name: "local", Max: 2}))
}
