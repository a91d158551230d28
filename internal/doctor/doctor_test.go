package doctor_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/doctor"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

// TestHealthyHosts: every way to a host that works passes, and says what was found.
func TestHealthyHosts(t *testing.T) {
	for name, tt := range map[string]struct {
		host      pretend.Config
		opt       servicetest.Options
		step, say string
	}{
		"socket":      {step: "way to Docker", say: "its socket"},
		"command":     {host: pretend.Config{ForbidSocket: true}, step: "way to Docker", say: "as many SSH sessions at once as are needed"},
		"two at once": {host: pretend.Config{ForbidSocket: true, MaxSessions: 2}, step: "way to Docker", say: "with 2 SSH sessions"},
		"gateway":     {opt: servicetest.Options{Gateway: true}, step: "container", say: "by the gateway's way"},
		"direct only": {host: pretend.Config{ForbidTCP: true}, step: "container", say: "where clients connect (the key does not let us through)"},
		"engine":      {host: pretend.Config{APIVersion: "1.41"}, step: "engine", say: "API 1.41"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSick(t, tt.host, tt.opt)
			for range 2 {
				r := s.check()
				wantPassed(t, r)
				if got := step(t, r, tt.step); got.Outcome != doctor.Passed || !strings.Contains(got.Found, tt.say) {
					t.Errorf("%+v, want that %q passes with %q", got, tt.step, tt.say)
				}
			}
			if n := len(s.Containers()); n > 0 {
				t.Errorf("%d containers stay", n)
			}
		})
	}
}

// TestTLSIsTried: with files that fit each other a container serves TLS, and with others
// that is what is wrong.
func TestTLSIsTried(t *testing.T) {
	cert, key := hoststest.Certificate(t)
	_, other := hoststest.Certificate(t)
	for _, direct := range []bool{true, false} {
		s := newSick(t, pretend.Config{}, servicetest.Options{TLS: &hosts.TLSFiles{Cert: cert, Key: key}, Gateway: !direct})
		r := s.check()
		wantPassed(t, r)
		if says := strings.Contains(last(r).Found, "so does one over TLS; removed"); says != direct {
			t.Errorf("direct %v: %+v", direct, last(r))
		}
	}
	s := newSick(t, pretend.Config{}, servicetest.Options{TLS: &hosts.TLSFiles{Cert: cert, Key: other}})
	cause{"container", "does not answer over TLS", onHost, "openssl req -x509 "}.want(t, s.check())
	if n := len(s.Containers()); n > 0 {
		t.Errorf("%d containers stay", n)
	}
}

// TestAdvice: what could be better, and works, does not end a list.
func TestAdvice(t *testing.T) {
	s := newSick(t, pretend.Config{ForbidSocket: true, MaxSessions: 2}, servicetest.Options{Max: 10})
	s.SetMemory(4 << 30)
	s.how.Hosts.Container.Memory = 1 << 30
	_, err := s.TakePort(9091)
	must(t, err)
	r := s.check()
	wantPassed(t, r)
	for name, want := range map[string][2]string{
		"way to Docker": {"MaxSessions", "sshd_config"},
		"memory":        {"4 fit", "MAX_CONTAINERS_RUNNING=4"},
	} {
		if got := step(t, r, name); !strings.Contains(got.Found, want[0]) || got.Mend == nil || !strings.Contains(got.Mend.Command, want[1]) {
			t.Errorf("%+v %+v, want %q, and %q", got, got.Mend, want[0], want[1])
		}
	}
	if got := step(t, r, "ports"); !strings.Contains(got.Found, "9091 is taken by a process") {
		t.Errorf("%+v, want who has a port that is stepped around", got)
	}
}

// TestOneCommandIsNamed: where hosts add does what is missing, it is said.
func TestOneCommandIsNamed(t *testing.T) {
	s := newSick(t, pretend.Config{}, servicetest.Options{})
	want := "distributor hosts add root@" + onHost
	if m := step(t, s.check(), "hostguard").Mend; m == nil || m.On != doctor.Here || !strings.HasPrefix(m.Command, want+" ") {
		t.Errorf("without a guard: %+v, want %q here", m, want)
	}
	s.cfg.Hosts[0].SSH.User = "wpr"
	if m := last(s.check()).Mend; m == nil || m.Else == nil || m.Else.Command != want {
		t.Errorf("without a user: %+v, want %q as well", m, want)
	}
}

// TestLimitByMemory: with max=auto the host's memory says how many, and the ports are
// those of as many as there could be.
func TestLimitByMemory(t *testing.T) {
	s := newSick(t, pretend.Config{}, servicetest.Options{Max: hosts.MaxAuto})
	s.cfg.Hosts[0].Auto = true
	s.how.Hosts.Container.Memory, s.how.Hosts.MemoryReserve = 1<<30, 512<<20
	s.SetMemory(4 << 30)
	r := s.check()
	wantPassed(t, r)
	if got := step(t, r, "memory"); !strings.Contains(got.Found, "3.5GiB, for 3 containers") || got.Mend != nil {
		t.Errorf("%+v, want 3 containers", got)
	}
	if got := step(t, r, "ports"); !strings.Contains(got.Found, "9090 to 9205: 116 free") {
		t.Errorf("%+v, want the ports of %d and 16 containers", got, hosts.MaxAuto)
	}
	s.SetMemory(1 << 30)
	cause{"memory", "not even one fits", doctor.Here, "CONTAINER_MEMORY=256m"}.want(t, s.check())
}

// TestNewHostKeyIsNotWritten: a key that the distributor would accept passes, and is
// left to it.
func TestNewHostKeyIsNotWritten(t *testing.T) {
	s := newSick(t, pretend.Config{}, servicetest.Options{})
	learned := filepath.Join(t.TempDir(), "known_hosts")
	s.how.Hosts.KnownHosts.Files = []string{learned}
	s.how.Hosts.KnownHosts.AcceptNew = learned
	r := s.check()
	wantPassed(t, r)
	if got := step(t, r, "host key"); !strings.Contains(got.Found, "accept-new") {
		t.Errorf("%+v, want that it is new", got)
	}
	if _, err := os.Stat(learned); err == nil {
		t.Error("the key was written down")
	}
}

// TestInterruptionLeavesNothing: whoever interrupts while a container starts waits
// until it is removed.
func TestInterruptionLeavesNothing(t *testing.T) {
	for name, during := range map[string]string{"create": pretend.OpCreate, "start": pretend.OpStart, "answer": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSick(t, pretend.Config{}, servicetest.Options{ReadyTimeout: time.Hour})
			s.SetReadyAfter(time.Hour)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			if during != "" {
				s.SetDelay(during, 300*time.Millisecond)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for deadline := time.Now().Add(time.Minute); !s.reached(during) && time.Now().Before(deadline); {
					time.Sleep(time.Millisecond)
				}
				interrupt()
			}()
			r, err := doctor.Check(ctx, s.how, s.cfg.Hosts[0], doctor.Listener{})
			<-done
			if !errors.Is(err, context.Canceled) || r.Passed || last(r).Name != "container" || last(r).Found != "interrupted" {
				t.Errorf("it ends with %+v and %v, want an interrupted container", last(r), err)
			}
			if list := s.Containers(); len(list) > 0 || s.Requests(pretend.OpCreate) != 1 {
				t.Errorf("containers that stay: %+v, asked for: %d; want one that was removed", list, s.Requests(pretend.OpCreate))
			}
		})
	}
}

// reached reports whether the host is busy with an operation, or runs a container.
func (s *sick) reached(op string) bool {
	if op != "" {
		return s.Requests(op) > 0
	}
	return slices.ContainsFunc(s.Containers(), func(c pretend.ContainerInfo) bool { return c.Running })
}

// TestSessionsAreNoObstacle: a host that is full works, and its sessions are left alone.
func TestSessionsAreNoObstacle(t *testing.T) {
	s := newSick(t, pretend.Config{}, servicetest.Options{Max: 1})
	s.how.Hosts.SparePorts = 0
	_, err := s.ForeignContainer("wrp_x_1", map[string]string{"wrpdistributor.database": "x"}, 9090)
	must(t, err)
	r := s.check()
	if got := last(r); !r.Passed || got.Outcome != doctor.Skipped || !strings.Contains(got.Found, "in use by containers of distributors") {
		t.Errorf("it ends with %+v, want no container", got)
	}
	if n := len(s.Containers()); n != 1 {
		t.Errorf("%d containers, want the session's", n)
	}
}

// TestContainersOfDistributorsAreToldApart: by database, a few of each by name.
func TestContainersOfDistributorsAreToldApart(t *testing.T) {
	t.Parallel()
	s := newSick(t, pretend.Config{}, servicetest.Options{Max: 9})
	for i, name := range []string{"wrp_aaaaaaaa_1", "wrp_aaaaaaaa_2", "wrp_aaaaaaaa_3", "wrp_aaaaaaaa_5", "wrp_bbbbbbbb_1"} {
		_, err := s.ForeignContainer(name, map[string]string{"wrpdistributor.database": strings.Repeat(name[4:5], 32)}, 9090+i)
		must(t, err)
	}
	const want = "5 in use by containers of distributors (4 of database aaaaaaaa, wrp_aaaaaaaa_1, wrp_aaaaaaaa_2, wrp_aaaaaaaa_3 and 1 more; 1 of database bbbbbbbb, wrp_bbbbbbbb_1)"
	if got := step(t, s.check(), "ports").Found; !strings.Contains(got, want) {
		t.Errorf("the ports are %q, want %q in it", got, want)
	}
}

// TestForwardingIsMendedInTwoSteps: what is ours is mended first. sshd's configuration is
// another matter, of which nothing that stands there is taken away.
func TestForwardingIsMendedInTwoSteps(t *testing.T) {
	t.Parallel()
	s := newSick(t, pretend.Config{ForbidTCP: true}, servicetest.Options{Gateway: true})
	m := last(s.check()).Mend
	if m == nil || m.Else == nil {
		t.Fatalf("%+v mends it, want two steps", m)
	}
	if strings.Contains(m.Command, "sshd_config") || !strings.Contains(m.Command, "authorized_keys") {
		t.Errorf("%s mends it first, want the key's line alone", m.Command)
	}
	if !strings.Contains(m.Else.If, "Warning") || !strings.HasPrefix(m.Else.Command, `printf 'Match User wrp\nAllowTcpForwarding local\nAllowStreamLocalForwarding local\nPermitOpen any\nDisableForwarding no\n' >/etc/ssh/sshd_config.d/00-wrp-forwarding.conf && sshd -t`) {
		t.Errorf("%+v mends it then, want a block for our user", *m.Else)
	}
}
