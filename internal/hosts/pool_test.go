package hosts_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

// TestCreateTakesNoForeignContainer: the name and all labels make a container ours.
func TestCreateTakesNoForeignContainer(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	p, _ := newPool(t, list, nil)
	ours := spec(1, 9090)
	id, err := p.Create(t.Context(), ours)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := p.Create(t.Context(), ours); err != nil || again != id {
		t.Errorf("Create again = %s, %v; want the same container", again, err)
	}
	foreign := spec(2, 9091)
	if _, err := list[0].ForeignContainer(foreign.Name, map[string]string{"wrpdistributor.database": databaseID}, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Create(t.Context(), foreign); !errors.Is(err, hosts.ErrNameTaken) {
		t.Errorf("Create under the name of a foreign container = %v, want ErrNameTaken", err)
	}
	if err := p.Remove(t.Context(), foreign.Ref); err != nil {
		t.Errorf("Remove of what never was: %v", err)
	}
	if n := len(list[0].Containers()); n != 2 {
		t.Errorf("%d containers are left, want ours and the foreign one", n)
	}
}

func TestDeadContainerStaysUntilRemoved(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	p, _ := newPool(t, list, nil)
	s := start(t, p, spec(1, 9090))
	list[0].KillContainer(s.ID)
	if _, err := p.Inspect(t.Context(), s.Ref); !errors.Is(err, hosts.ErrGone) {
		t.Errorf("Inspect of a dead container = %v, want ErrGone", err)
	}
	if n := len(list[0].Containers()); n != 1 {
		t.Errorf("%d containers, want the dead one: its exit code is for operators to see", n)
	}
	if err := p.Remove(t.Context(), s.Ref); err != nil || len(list[0].Containers()) != 0 {
		t.Errorf("Remove = %v, %d containers left", err, len(list[0].Containers()))
	}
}

func TestSharedEngineIsWarnedOf(t *testing.T) {
	one := servicetest.StartHosts(t, 1, pretend.Config{EngineID: "SAME"})[0]
	two := servicetest.StartHosts(t, 1, pretend.Config{EngineID: "SAME"})[0]
	p, log := newPool(t, []*pretend.Host{one, two}, nil)
	p.CheckHealth(t.Context())
	if n := log.count("level", "WARN", "host", "", "other", ""); n != 1 {
		t.Errorf("%d warnings of a host that shares its engine with another, want 1", n)
	}
}

func TestReachesDockerBySocketOrCommand(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  pretend.Config
		want string // an error
	}{
		{"both ways", pretend.Config{}, ""},
		{"socket only", pretend.Config{ForbidExec: true}, ""},
		{"command only", pretend.Config{ForbidSocket: true}, ""},
		{"forced command", pretend.Config{ForbidSocket: true, ForceDialStdio: true, ForbidTCP: true}, ""},
		{"none", pretend.Config{ForbidSocket: true, ForbidExec: true}, "no way to the Docker engine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := servicetest.StartHosts(t, 1, tt.cfg)
			p, _ := newPool(t, list, nil)
			_, err := p.Create(t.Context(), spec(1, 9090))
			if tt.want == "" && err != nil {
				t.Error(err)
			}
			if tt.want != "" && (!errors.Is(err, hosts.ErrUnreachable) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Create = %v, want ErrUnreachable: %s", err, tt.want)
			}
		})
	}
}

// TestStoppedEngineIsNamed: sshd says only that it could not open something.
func TestStoppedEngineIsNamed(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	p, _ := newPool(t, list, nil)
	p.CheckHealth(t.Context())
	list[0].SetEngineStopped(true)
	p.CheckHealth(t.Context())
	if st := p.Status()[0]; st.State != hosts.Unreachable || !strings.Contains(st.Reason, "/var/run/docker.sock cannot be opened there (is Docker stopped?)") {
		t.Errorf("a host whose Docker was stopped is %s: %s", st.State, st.Reason)
	}
}

func TestProbeAsksPublicPortWhereKeyForbidsLoopback(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{ForbidTCP: true})
	p, log := newPool(t, list, nil)
	s := start(t, p, spec(1, 9090))
	if err := p.Ready(t.Context(), s); err != nil || log.count("level", "WARN") != 0 {
		t.Errorf("Ready on the public port = %v, %d warnings", err, log.count("level", "WARN"))
	}
}

// TestProbeThatNeverWorksGoesOff: behind a firewall the engine is asked instead,
// and containers are handed over.
func TestProbeThatNeverWorksGoesOff(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{ForbidTCP: true})
	p, log := newPool(t, list, func(c *hosts.Config) { c.Hosts[0].Address = "127.255.255.254" })
	s := start(t, p, spec(1, 9090))
	notReady := func() int { return log.count("level", "WARN", "port", "9090") }
	for range 2 {
		if err := p.Ready(t.Context(), s); err != nil {
			t.Errorf("Ready of a container behind a firewall = %v, want it handed over", err)
		}
	}
	if off := log.count("level", "WARN", "address", "127.255.255.254", "retry_in", ""); notReady() != 2 || off != 1 {
		t.Errorf("%d warnings of containers, %d that the probe is off; want 2, 1", notReady(), off)
	}
	if err := p.Ready(t.Context(), s); err != nil || notReady() != 2 {
		t.Errorf("Ready without probe = %v, and it waited for an answer", err)
	}
	list[0].KillContainer(s.ID)
	if err := p.Ready(t.Context(), s); !errors.Is(err, hosts.ErrGone) {
		t.Errorf("Ready of a dead container without probe = %v, want ErrGone", err)
	}
}

// TestReadyHandsOverSlowContainers: at the ready timeout a plain container that
// runs will do, one that should serve TLS will not.
func TestReadyHandsOverSlowContainers(t *testing.T) {
	cert, key := hoststest.Certificate(t)
	for _, tt := range []struct {
		name string
		harm func(*pretend.Host, hosts.Spec)
		tls  *hosts.TLSFiles
		want error
	}{
		{"plain", func(*pretend.Host, hosts.Spec) {}, nil, nil},
		{"plain, slow", func(h *pretend.Host, _ hosts.Spec) { h.SetReadyAfter(time.Minute) }, nil, nil},
		{"dies", func(h *pretend.Host, s hosts.Spec) { h.KillContainer(s.Name) }, nil, hosts.ErrGone},
		{"tls", func(*pretend.Host, hosts.Spec) {}, &hosts.TLSFiles{Cert: cert, Key: key}, nil},
		{"tls with other files", func(*pretend.Host, hosts.Spec) {}, &hosts.TLSFiles{Cert: "/dev/null", Key: "/dev/null"}, hosts.ErrCertificate},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := servicetest.StartHosts(t, 1, pretend.Config{})
			p, _ := newPool(t, list, func(c *hosts.Config) { c.Hosts[0].TLS = tt.tls })
			s := spec(1, 9090)
			s.TLS = tt.tls != nil
			if strings.Contains(tt.name, "slow") {
				tt.harm(list[0], s)
			}
			s = start(t, p, s)
			if !strings.Contains(tt.name, "slow") {
				tt.harm(list[0], s)
			}
			if err := p.Ready(t.Context(), s); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("Ready = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestHostGoesDownAndComesBack(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	p, log := newPool(t, list, func(c *hosts.Config) { c.ConnectTimeout = 2 * time.Second })
	run(t, p)
	in := func(want hosts.State) func() bool { return func() bool { return p.Status()[0].State == want } }
	eventually(t, "up", in(hosts.Up))
	must(t, list[0].SetDown(true))
	eventually(t, "unreachable", in(hosts.Unreachable))
	if why := p.Status()[0].Reason; !strings.Contains(why, "refused") && !strings.Contains(why, "EOF") && !strings.Contains(why, "reset") {
		t.Errorf("it is down because of %q", why)
	}
	if log.count("level", "WARN", "host", "host0", "err", "", "retry_in", "") == 0 {
		t.Error("the log does not say why the host is down, and until when")
	}
	must(t, list[0].SetDown(false))
	eventually(t, "up again", in(hosts.Up))
	list[0].SetUnresponsive(true)
	defer list[0].SetUnresponsive(false)
	if _, err := p.Create(t.Context(), spec(1, 9090)); !errors.Is(err, hosts.ErrUnreachable) {
		t.Errorf("Create on an unresponsive host = %v, want ErrUnreachable", err)
	}
}

// TestErrorSaysOnceThatHostIsUnreachable: whether the connection or the engine is why.
func TestErrorSaysOnceThatHostIsUnreachable(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	must(t, list[0].SetDown(true))
	p, _ := newPool(t, list, nil)
	for _, why := range []string{"refused", "refused"} { // asked, and remembered
		_, _, err := p.List(t.Context(), "host0")
		if !errors.Is(err, hosts.ErrUnreachable) || !strings.Contains(err.Error(), why) ||
			strings.Count(err.Error(), hosts.ErrUnreachable.Error()) != 1 {
			t.Errorf("List of a host that is down = %v, want one %q, and %q", err, hosts.ErrUnreachable, why)
		}
	}
}

// TestMissingImageIsPulledOnce: until then the host takes no containers.
func TestMissingImageIsPulledOnce(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	list[0].SetImage(false)
	p, log := newPool(t, list, nil)
	if _, err := p.Create(t.Context(), spec(1, 9090)); !errors.Is(err, hosts.ErrImageMissing) {
		t.Errorf("Create without image = %v, want ErrImageMissing", err)
	}
	p.CheckHealth(t.Context())
	if st := p.Status()[0]; st.State != hosts.NoImage || st.Reason != "image missing: "+pretend.DefaultImage {
		t.Errorf("status = %+v, want NoImage", st)
	}
	run(t, p)
	eventually(t, "up", func() bool { return p.Status()[0].State == hosts.Up })
	eventually(t, "the log says how long the pull took", func() bool { return log.count("level", "INFO", "image", "", "took", "") == 1 })
	if n := list[0].Requests(pretend.OpPull); n != 1 {
		t.Errorf("%d pulls, want 1", n)
	}
}

func TestFailedPullIsTheReason(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	list[0].SetImage(false)
	list[0].PullFails("no such repository")
	p, log := newPool(t, list, nil)
	run(t, p)
	eventually(t, "the reason", func() bool { return strings.Contains(p.Status()[0].Reason, "no such repository") })
	if st := p.Status()[0]; st.State != hosts.NoImage {
		t.Errorf("status = %+v, want NoImage", st)
	}
	if log.count("level", "ERROR", "image", "", "err", "no such repository", "retry_in", "") != 1 {
		t.Error("the log does not say why the image was not pulled")
	}
}

// TestMemoryDecidesLimit: of a host with the limit auto, and one that has too little for a
// single container says so.
func TestMemoryDecidesLimit(t *testing.T) {
	for _, tt := range []struct {
		memory int64
		max    int
		state  hosts.State
		reason string
	}{
		{8 << 30, 7, hosts.Up, ""}, // 7.5 GiB are left
		{1 << 40, hosts.MaxAuto, hosts.Up, ""},
		{1 << 30, 0, hosts.Unusable, "the host has 1GiB of memory, of which 512MiB stay free (MEMORY_RESERVE), and a container may need 1GiB (CONTAINER_MEMORY)"},
	} {
		list := servicetest.StartHosts(t, 1, pretend.Config{Memory: tt.memory})
		p, _ := newPool(t, list, func(c *hosts.Config) {
			c.Container.Memory, c.MemoryReserve = 1<<30, 512<<20
			c.Hosts[0].Max, c.Hosts[0].Auto = hosts.MaxAuto, true
		})
		if h, err := p.Host("host0"); err != nil || h.Max != 0 {
			t.Errorf("before the first check the limit is %d, %v; want 0", h.Max, err)
		}
		p.CheckHealth(t.Context())
		st := p.Status()[0]
		if st.State != tt.state || !strings.Contains(st.Reason, tt.reason) || st.Host.Max != tt.max {
			t.Errorf("a host with %d bytes takes %d and is %s: %s; want %d, %s: %s", tt.memory, st.Host.Max, st.State, st.Reason, tt.max, tt.state, tt.reason)
		}
	}
}
