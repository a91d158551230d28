package hosts_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

const databaseID = "0123456789abcdef0123456789abcdef"

// newPool returns a pool over pretend hosts, and what it logs.
func newPool(t *testing.T, list []*pretend.Host, change func(*hosts.Config)) (*hosts.Pool, *logBuffer) {
	t.Helper()
	cfg := servicetest.Configure(t, list, servicetest.Options{})
	log := &logBuffer{out: t.Output()}
	pc := hosts.Config{
		Hosts: cfg.Hosts, DatabaseID: databaseID, Container: cfg.Container, KnownHosts: cfg.KnownHosts,
		ConnectTimeout: 500 * time.Millisecond, ReadyTimeout: 300 * time.Millisecond, StopTimeout: time.Second,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	}
	if change != nil {
		change(&pc)
	}
	p, err := hosts.New(pc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, log
}

type logBuffer struct {
	out io.Writer
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.out.Write(b) // for people
	return l.buf.Write(b)
}

func (l *logBuffer) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.buf.String(), text)
}

func spec(session int64, port int) hosts.Spec {
	return hosts.Spec{
		Ref:  hosts.Ref{Host: "host0", Name: "wrp_01234567_" + string(rune('0'+session)), Session: session, Nonce: "claim"},
		Port: port, Token: "secret",
	}
}

// start creates and starts a container and returns it with its id.
func start(t *testing.T, p *hosts.Pool, s hosts.Spec) hosts.Spec {
	t.Helper()
	id, err := p.Create(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	s.ID = id
	if err := p.Start(t.Context(), s.Ref); err != nil {
		t.Fatal(err)
	}
	return s
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// quiet is told of events and does nothing.
type quiet struct{}

func (quiet) HandleEvent(context.Context, hosts.Event)             {}
func (quiet) HandleListing(context.Context, string, []hosts.Found) {}

func run(t *testing.T, p *hosts.Pool) {
	t.Helper()
	done := make(chan error)
	go func() { done <- p.Run(t.Context(), quiet{}) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestDecision02Names(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	p, _ := newPool(t, list, nil)
	mine := spec(1, 9090)
	id, err := p.Create(t.Context(), mine)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := p.Create(t.Context(), mine); err != nil || again != id {
		t.Errorf("Create again = %s, %v; want the same container", again, err)
	}
	stranger := spec(2, 9091)
	if _, err := list[0].StrangerContainer(stranger.Name, map[string]string{"wrpdistributor.database": databaseID}, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Create(t.Context(), stranger); !errors.Is(err, hosts.ErrNameTaken) {
		t.Errorf("Create under a stranger's name = %v, want ErrNameTaken", err)
	}
	if err := p.Remove(t.Context(), stranger.Ref); err != nil {
		t.Errorf("Remove of what never was: %v", err)
	}
	if n := len(list[0].Containers()); n != 2 {
		t.Errorf("%d containers are left, want mine and the stranger's", n)
	}
}

func TestDecision05NothingRemovesItself(t *testing.T) {
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

func TestDecision21SharedEngine(t *testing.T) {
	one := servicetest.StartHosts(t, 1, pretend.Config{EngineID: "SAME"})[0]
	two := servicetest.StartHosts(t, 1, pretend.Config{EngineID: "SAME"})[0]
	p, log := newPool(t, []*pretend.Host{one, two}, nil)
	p.CheckHealth(t.Context())
	if !log.has("two hosts are one engine") {
		t.Error("the log does not say that two hosts are one engine")
	}
}

func TestDecision22Tunnel(t *testing.T) {
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

// TestDecision23Probe: where the key forbids the loopback, containers are asked
// on the public port; if that never works, the probe is given up.
func TestDecision23Probe(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{ForbidTCP: true})
	p, log := newPool(t, list, nil)
	s := start(t, p, spec(1, 9090))
	if err := p.Ready(t.Context(), s); err != nil || log.has("does not answer") {
		t.Errorf("Ready on the public port = %v", err)
	}
	firewalled, log := newPool(t, list, func(c *hosts.Config) { c.Hosts[0].Address = "127.255.255.254" })
	for range 2 {
		if err := firewalled.Ready(t.Context(), s); err != nil {
			t.Errorf("Ready of a container behind a firewall = %v, want it handed over", err)
		}
	}
	if !log.has("readiness probe is off") {
		t.Error("the log does not say that the probe is off")
	}
	began := time.Now()
	if err := firewalled.Ready(t.Context(), s); err != nil || time.Since(began) > 250*time.Millisecond {
		t.Errorf("Ready without probe = %v after %v", err, time.Since(began))
	}
	list[0].KillContainer(s.ID)
	if err := firewalled.Ready(t.Context(), s); !errors.Is(err, hosts.ErrGone) {
		t.Errorf("Ready of a dead container without probe = %v, want ErrGone", err)
	}
}

func TestDecision24Ready(t *testing.T) {
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
		{"tls without files", func(*pretend.Host, hosts.Spec) {}, &hosts.TLSFiles{Cert: "/nowhere.crt", Key: "/nowhere.key"}, hosts.ErrCertificate},
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

// TestBreaker: a host that fails is put aside, says why, and comes back.
func TestBreaker(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	p, _ := newPool(t, list, nil)
	run(t, p)
	up := func() bool { return p.Status()[0].State == hosts.Up }
	eventually(t, "up", up)
	must(t, list[0].SetDown(true))
	eventually(t, "down", func() bool { return p.Status()[0].State == hosts.Down })
	if why := p.Status()[0].Reason; !strings.Contains(why, "refused") && !strings.Contains(why, "EOF") {
		t.Errorf("it is down because of %q", why)
	}
	must(t, list[0].SetDown(false))
	eventually(t, "up again", up)

	// A host that falls silent costs one caller a connect timeout, and no other.
	list[0].SetSilent(true)
	for i, most := range []time.Duration{2 * time.Second, 100 * time.Millisecond} {
		began := time.Now()
		if _, err := p.Create(t.Context(), spec(1, 9090)); !errors.Is(err, hosts.ErrUnreachable) {
			t.Errorf("Create on a silent host = %v, want ErrUnreachable", err)
		}
		if took := time.Since(began); took > most {
			t.Errorf("call %d to a silent host took %v, want at most %v", i, took, most)
		}
	}
}

// TestMissingImage: it is pulled once, with progress, and until then the host
// takes nothing.
func TestMissingImage(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	list[0].SetImage(false)
	list[0].SetDelay(pretend.OpPull, 200*time.Millisecond)
	p, log := newPool(t, list, nil)
	if _, err := p.Create(t.Context(), spec(1, 9090)); !errors.Is(err, hosts.ErrImageMissing) {
		t.Errorf("Create without image = %v, want ErrImageMissing", err)
	}
	p.CheckHealth(t.Context())
	if st := p.Status()[0]; st.State == hosts.Up || !strings.Contains(st.Reason, "image missing") {
		t.Errorf("status = %+v, want down for want of the image", st)
	}
	run(t, p)
	eventually(t, "pulled", func() bool { return p.Status()[0].State == hosts.Up })
	if !log.has("image pulled") || list[0].Requests(pretend.OpPull) != 1 {
		t.Errorf("%d pulls", list[0].Requests(pretend.OpPull))
	}
}

func TestPullFails(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	list[0].SetImage(false)
	list[0].PullFails("no such repository")
	p, log := newPool(t, list, nil)
	run(t, p)
	eventually(t, "given up for now", func() bool { return log.has("image cannot be pulled") })
	if st := p.Status()[0]; !strings.Contains(st.Reason, "no such repository") {
		t.Errorf("status = %+v, want the reason", st)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
