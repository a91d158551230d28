package doctor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/network"

	"wrpdistributor/internal/doctor"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/proctest"
	"wrpdistributor/internal/service/servicetest"
)

// onHost stands for what is to be typed on the host.
const onHost = "host0"

var byCommand = pretend.Config{ForbidSocket: true, MaxSessions: 1}

// TestFirstCause has hosts on which one thing is wrong: it is found, and nothing else,
// with what to type and where. Nothing is changed, and no container stays.
func TestFirstCause(t *testing.T) {
	for name, tt := range map[string]struct {
		host pretend.Config
		opt  servicetest.Options
		harm func(*sick)
		want cause
	}{
		"unknown name": {harm: func(s *sick) { s.cfg.Hosts[0].SSH.Addr = "a.invalid:22" },
			want: cause{"name", "a.invalid", doctor.Here, "correct the name in entry 1 of CONTAINER_HOSTS; or, if it is right, echo 'ADDRESS-OF-THE-HOST a.invalid' >>/etc/hosts"}},
		"sshd stopped": {harm: func(s *sick) { s.cfg.Hosts[0].SSH.Addr = proctest.FreeAddr(s.t) },
			want: cause{"connection", "refused", onHost, "systemctl enable --now ssh"}},
		"sshd hangs": {harm: func(s *sick) { s.SetUnresponsive(true) }, opt: servicetest.Options{ConnectTimeout: 3 * time.Second},
			want: cause{"host key", "accepts connections and says nothing", onHost, "systemctl restart ssh"}},
		"sshd hangs up": {harm: func(s *sick) { s.cfg.Hosts[0].SSH.Addr = hangUp(s.t) },
			want: cause{"host key", "shuts out for a minute or two who failed", doctor.Here, "sleep 120; distributor hosts check host0"}},
		"unknown host key": {harm: func(s *sick) { write(s.t, s.cfg.KnownHosts.Files[0], "") },
			want: cause{"host key", "is unknown", doctor.Here, "ssh-keygen -lf -   # compare"}},
		"changed host key": {harm: func(s *sick) { s.remember(newSick(s.t, pretend.Config{}, servicetest.Options{})) },
			want: cause{"host key", "key mismatch", doctor.Here, "/etc/ssh/ssh_host_*_key.pub"}},
		"revoked host key": {harm: func(s *sick) { write(s.t, s.cfg.KnownHosts.Files[0], "@revoked "+s.KnownHostsLine()+"\n") },
			want: cause{"host key", "revoked", doctor.Here, "sed -i '\\|^@revoked.*AAAA"}},
		"another key": {harm: func(s *sick) {
			s.cfg.Hosts[0].SSH.Signer = newSick(s.t, pretend.Config{}, servicetest.Options{}).Signer()
		},
			want: cause{"login", "log in as wrp", onHost, `,permitopen="127.0.0.1:*",permitlisten="127.0.0.1:1" ssh-ed25519 AAAA`}},
		"no such user": {harm: func(s *sick) { s.cfg.Hosts[0].SSH.User = "wpr" },
			want: cause{"login", "log in as wpr", onHost, "useradd -m -G $g wpr"}},
		"no way to Docker": {host: pretend.Config{ForbidSocket: true, ForbidExec: true},
			want: cause{"way to Docker", "wrp is not in the group docker there, Docker is stopped or still starting, or the key", onHost, "usermod -aG $g wrp"}},
		"one SSH session": {host: byCommand,
			want: cause{"way to Docker", "with 1 SSH session", onHost, "MaxSessions"}},
		"no way to containers": {host: pretend.Config{ForbidTCP: true}, opt: servicetest.Options{Gateway: true},
			want: cause{"way to containers", "forbids the way to containers", onHost, `permitopen="127.0.0.1:*"`}},
		"engine stopped": {harm: func(s *sick) { s.SetEngineStopped(true) },
			want: cause{"way to Docker", "no way", onHost, "systemctl start docker"}},
		"engine hangs": {harm: func(s *sick) { s.SetDelay(pretend.OpAll, time.Minute) }, opt: servicetest.Options{ConnectTimeout: 5 * time.Second},
			want: cause{"engine", "does not answer", onHost, "systemctl restart docker"}},
		"old engine": {harm: func(s *sick) { s.SetAPIVersions("1.12", "1.40") },
			want: cause{"engine", "API 1.40; want 20.10", onHost, "apt-get install --only-upgrade"}},
		"no limits": {harm: func(s *sick) { s.SetUnlimited(true); s.how.Hosts.Container.Pids = 512 },
			want: cause{"limits", "cannot enforce CONTAINER_PIDS", onHost, "update-grub"}},
		"another network": {harm: func(s *sick) { must(s.t, s.AddNetwork("wrp", network.CreateOptions{Driver: "bridge"})) },
			want: cause{"network", "can reach each other", onHost, "docker network rm wrp"}},
		"no network of the operator's": {harm: func(s *sick) { s.how.Hosts.Container.Network.Name = "lan" },
			want: cause{"network", "lan is not there", onHost, "docker network create -o com.docker.network.bridge.enable_icc=false lan"}},
		"no image": {harm: func(s *sick) { s.SetImage(false) },
			want: cause{"image", "image is missing: " + pretend.DefaultImage, doctor.Here, "distributor hosts pull host0"}},
		"no certificate": {opt: servicetest.Options{TLS: &hosts.TLSFiles{Cert: "/nowhere/a.pem", Key: "/nowhere/a.key"}},
			want: cause{"certificate", "/nowhere/a.pem", onHost, "openssl req -x509 "}},
		"no memory": {harm: func(s *sick) { s.SetMemory(512 << 20); s.how.Hosts.Container.Memory = 1 << 30 },
			want: cause{"memory", "not even one fits", doctor.Here, "CONTAINER_MEMORY=256m"}},
		"ports of a process": {harm: func(s *sick) {
			s.how.Hosts.SparePorts = 0
			_, err := s.TakePort(9091)
			must(s.t, err)
		},
			want: cause{"ports", "9091 is taken by a process", onHost, "ss -Htlnp 'sport = :9091'"}},
		"ports of a foreign container": {harm: func(s *sick) {
			s.how.Hosts.SparePorts = 0
			_, err := s.ForeignContainer("web", nil, 9090)
			must(s.t, err)
		},
			want: cause{"ports", "9090 is taken by container web", onHost, "docker stop web"}},
		"no addresses for the network": {harm: func(s *sick) {
			s.FailNext(pretend.OpCreateNetwork, 403, "could not find an available address pool", 9)
		},
			want: cause{"container", "address pool", onHost, "docker network prune"}},
		"disk full": {harm: func(s *sick) {
			s.FailNext(pretend.OpStart, 500, "mkdir /var/lib/docker/overlay2/fa11: no space left on device", 1)
		},
			want: cause{"container", "no space left", onHost, "df -h; docker system df; docker image prune"}},
		"bridge of half a network": {harm: func(s *sick) { s.FailNext(pretend.OpCreateNetwork, 403, "networks have same bridge name", 9) },
			want: cause{"container", "is the disk full?", onHost, "df -h; docker network ls"}},
		"container does not start": {harm: func(s *sick) { s.FailNext(pretend.OpStart, 500, "OCI runtime create failed", 1) },
			want: cause{"container", "OCI runtime create failed", onHost, "docker run --rm " + pretend.DefaultImage}},
		"container exits": {harm: func(s *sick) { s.how.Hosts.Container.Args = []string{"-nonsense", "it's"} },
			want: cause{"container", "exit code 2; its output: wrp-standin: usage", onHost, "docker run --rm " + pretend.DefaultImage + ` -nonsense 'it'\''s'   #`}},
		"container mute": {harm: func(s *sick) { s.SetReadyAfter(time.Hour) }, opt: servicetest.Options{ReadyTimeout: 500 * time.Millisecond},
			want: cause{"container", "runs and does not answer", onHost, "systemctl restart docker"}},
		"firewall": {harm: func(s *sick) { s.cfg.Hosts[0].Address = "127.0.0.1"; s.how.StartPort = freeRange(s.t) },
			opt:  servicetest.Options{ReadyTimeout: 2 * time.Second},
			want: cause{"container", "clients do not reach it at 127.0.0.1", onHost, "iptables -I DOCKER-USER "}},
		"container stays": {harm: func(s *sick) { s.FailNext(pretend.OpRemove, 500, "device busy", 1) },
			want: cause{"container", "device busy", onHost, "docker rm -f wrp_doctor_"}},
		"container exits, and stays": {harm: func(s *sick) {
			s.how.Hosts.Container.Args = []string{"-nonsense"}
			s.FailNext(pretend.OpRemove, 500, "device busy", 1)
		},
			want: cause{"container", "exit code 2; its output: wrp-standin: usage", onHost, "; docker run --rm "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSick(t, tt.host, tt.opt)
			if tt.harm != nil {
				tt.harm(s)
			}
			r := s.check()
			tt.want.want(t, r)
			s.wantUnchanged(r, strings.HasSuffix(name, "stays"))
		})
	}
}

// TestTrustIsTheSecondStep: first there is something to compare. The fingerprint is said
// once, and files that are not there are left alone.
func TestTrustIsTheSecondStep(t *testing.T) {
	t.Parallel()
	s := newSick(t, pretend.Config{}, servicetest.Options{})
	s.remember(newSick(t, pretend.Config{}, servicetest.Options{}))
	known := s.cfg.KnownHosts.Files[0]
	s.how.Hosts.KnownHosts.Files = []string{known, known + ".learned"}
	last := last(s.check())
	if n := strings.Count(last.Found, "SHA256:"); n != 1 {
		t.Errorf("%d fingerprints are said: %s", n, last.Found)
	}
	if m := last.Mend; m.Else == nil || strings.Contains(m.Command, ">>") || !strings.Contains(m.Else.Command, " -f '"+known+"' ") || strings.Contains(m.Else.Command, ".learned'") {
		t.Errorf("%+v, %+v mend it; want a look, and then the line replaced in %s only", m, m.Else, known)
	}
}

// TestHostThatIsOff: what is likely comes first, and a firewall second.
func TestHostThatIsOff(t *testing.T) {
	t.Parallel()
	s := newSick(t, pretend.Config{}, servicetest.Options{ConnectTimeout: 3 * time.Second})
	s.cfg.Hosts[0].SSH.Addr = silent(t)
	r := s.check()
	cause{"connection", "timeout", doctor.Here, "ping -c 3 127.0.0.1 "}.want(t, r)
	if e := last(r).Mend.Else; e == nil || !strings.Contains(e.Command, "ufw allow ") {
		t.Errorf("%+v is the second step, want a firewall", e)
	}
}

// remember has the settings know another host's key by the name of s.
func (s *sick) remember(other *sick) {
	line := s.KnownHostsLine()
	names := line[:len(line)-len(afterNames(line))]
	write(s.t, s.cfg.KnownHosts.Files[0], names+afterNames(other.KnownHostsLine())+"\n")
}

func afterNames(line string) string {
	for i, r := range line {
		if r == ' ' {
			return line[i:]
		}
	}
	return ""
}

// freeRange returns the first of some ports that nothing listens on at 127.0.0.1.
func freeRange(t *testing.T) int {
	t.Helper()
	return proctest.FreeRange(t, 20)
}

// wantUnchanged looks for what a list has left: a container, and whatever it made
// before the step that may make something.
func (s *sick) wantUnchanged(r doctor.Report, stays bool) {
	s.t.Helper()
	for _, c := range s.Containers() {
		if c.Name != "web" && !stays {
			s.t.Errorf("container %s stays", c.Name)
		}
	}
	if last(r).Name == "container" {
		return
	}
	for _, op := range []string{pretend.OpCreateNetwork, pretend.OpStart, pretend.OpPull, pretend.OpRemove} {
		if n := s.Requests(op); n > 0 {
			s.t.Errorf("asked for %q %d times, want nothing changed", op, n)
		}
	}
}
