package hosts_test

import (
	"context"
	"errors"
	"runtime/pprof"
	"slices"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

// stateOf returns the state of a host, or nothing if the pool has none of that name.
func stateOf(p *hosts.Pool, name string) hosts.State {
	st, _ := p.StatusOf(name)
	return st.State
}

func reconfigure(t *testing.T, p *hosts.Pool, list ...hosts.Host) hosts.Reconfiguration {
	t.Helper()
	change, err := p.Reconfigure(list)
	must(t, err)
	return change
}

func sameChange(a, b hosts.Reconfiguration) bool {
	return slices.Equal(a.Joined, b.Joined) && slices.Equal(a.Changed, b.Changed) && slices.Equal(a.Leaving, b.Leaving)
}

// TestHostsComeAndGo: one that joins is checked at once; one that leaves serves what it
// has, and nothing is left of it when it is dismissed.
func TestHostsComeAndGo(t *testing.T) {
	list := servicetest.StartHosts(t, 2, pretend.Config{})
	all := servicetest.Configure(t, list, servicetest.Options{}).Hosts
	p, _ := newPool(t, list, func(c *hosts.Config) { c.Hosts = all[:1] })
	label := pprof.Labels("part", t.Name())
	done := make(chan error)
	go pprof.Do(t.Context(), label, func(ctx context.Context) { done <- p.Run(ctx, noWatcher{}) })
	t.Cleanup(func() { must(t, <-done) })
	eventually(t, "the first is up", func() bool { return stateOf(p, "host0") == hosts.Up && list[0].Requests(pretend.OpEvents) > 0 })
	s := start(t, p, spec(1, 9090))
	idle := func() bool { return goroutines(t, t.Name()) <= perIdleHost }
	eventually(t, "few goroutines of one host", idle)

	larger := all[0]
	larger.Max = 9
	var change hosts.Reconfiguration
	pprof.Do(t.Context(), label, func(context.Context) { change = reconfigure(t, p, larger, all[1]) })
	if want := (hosts.Reconfiguration{Joined: []string{"host1"}, Changed: []string{"host0"}}); !sameChange(change, want) {
		t.Errorf("change = %+v, want %+v", change, want)
	}
	if h, err := p.Host("host0"); err != nil || h.Max != 9 || list[0].OpenConnections() != 1 {
		t.Errorf("host0 is %+v, %v, with %d connections; want the new limit, and the one connection", h, err, list[0].OpenConnections())
	}
	eventually(t, "the second is up, and its events are followed", func() bool { return stateOf(p, "host1") == hosts.Up && list[1].Requests(pretend.OpEvents) > 0 })

	if change = reconfigure(t, p, larger, all[1]); !sameChange(change, hosts.Reconfiguration{}) {
		t.Errorf("the same list again = %+v, want no change", change)
	}
	if change = reconfigure(t, p, all[1]); !sameChange(change, hosts.Reconfiguration{Leaving: []string{"host0"}}) {
		t.Errorf("change = %+v, want that host0 leaves", change)
	}
	if st, err := p.StatusOf("host0"); err != nil || !st.Leaving || st.State != hosts.Up || !slices.Equal(p.Leaving(), []string{"host0"}) {
		t.Errorf("status = %+v, %v; want that it leaves, and is up", st, err)
	}
	if _, err := p.Inspect(t.Context(), s.Ref); err != nil {
		t.Errorf("Inspect on a host that leaves: %v", err)
	}
	must(t, p.Remove(t.Context(), s.Ref))
	if p.Dismiss("host1") || !p.Dismiss("host0") || p.Dismiss("host0") {
		t.Error("want that only the host that leaves is dismissed, once")
	}
	if _, err := p.Inspect(t.Context(), s.Ref); !errors.Is(err, hosts.ErrUnknownHost) {
		t.Errorf("Inspect afterwards = %v, want ErrUnknownHost", err)
	}
	eventually(t, "its connection has ended", func() bool { return list[0].OpenConnections() == 0 })
	eventually(t, "its goroutines have ended", idle)

	if change = reconfigure(t, p, all...); !sameChange(change, hosts.Reconfiguration{Joined: []string{"host0"}}) {
		t.Errorf("change = %+v, want that host0 joins", change)
	}
	eventually(t, "it is up again", func() bool { return stateOf(p, "host0") == hosts.Up })
}

// TestHostThatLeavesComesBack, with the connection that it has.
func TestHostThatLeavesComesBack(t *testing.T) {
	list := servicetest.StartHosts(t, 2, pretend.Config{})
	all := servicetest.Configure(t, list, servicetest.Options{Warm: 1}).Hosts
	p, _ := newPool(t, list, func(c *hosts.Config) { c.Hosts = all })
	p.CheckHealth(t.Context())
	reconfigure(t, p, all[1])
	if h, err := p.Host("host0"); err != nil || h.Warm != 0 {
		t.Errorf("a host that leaves is %+v, %v; want that nothing waits there", h, err)
	}
	if change := reconfigure(t, p, all...); !sameChange(change, hosts.Reconfiguration{Joined: []string{"host0"}}) {
		t.Errorf("change = %+v, want that host0 joins", change)
	}
	st, err := p.StatusOf("host0")
	if accepted, _ := list[0].Logins(); err != nil || st.Leaving || st.State != hosts.Up || st.Host.Warm != 1 || accepted != 1 || p.Dismiss("host0") {
		t.Errorf("status = %+v, %v, after %d logins; want it as it was, and the first one", st, err, accepted)
	}
}

// TestNewLoginIsANewConnection: what runs over the old one goes on.
func TestNewLoginIsANewConnection(t *testing.T) {
	list := servicetest.StartHosts(t, 2, pretend.Config{})
	all := servicetest.Configure(t, list, servicetest.Options{}).Hosts
	p, _ := newPool(t, list, func(c *hosts.Config) { c.Hosts = all[:1] })
	run(t, p)
	eventually(t, "up", func() bool { return stateOf(p, "host0") == hosts.Up })
	s := spec(1, 9090)
	s.Gateway = true
	s = start(t, p, s)
	served, err := p.Dial(t.Context(), "host0", s.Port)
	must(t, err)
	defer served.Close()

	moved := all[1] // another machine, and another key
	moved.Name = "host0"
	if change := reconfigure(t, p, moved); !sameChange(change, hosts.Reconfiguration{Changed: []string{"host0"}}) {
		t.Errorf("change = %+v, want that host0 changed", change)
	}
	eventually(t, "the new one is logged in to and up", func() bool { return list[1].OpenConnections() == 1 && stateOf(p, "host0") == hosts.Up })
	if containers, _, err := p.List(t.Context(), "host0"); err != nil || len(containers) != 0 {
		t.Errorf("List = %v, %v; want none: the new one has none", containers, err)
	}
	if _, err := served.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
		t.Errorf("write over the old connection: %v", err)
	}
	if n, err := served.Read(make([]byte, 9)); n == 0 {
		t.Errorf("read over the old connection: %v", err)
	}
	served.Close()
	eventually(t, "the old connection ends with what it served", func() bool { return list[0].OpenConnections() == 0 })
}

// TestWrongLoginIsTheReason: it is seen though the host was up.
func TestWrongLoginIsTheReason(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	all := servicetest.Configure(t, list, servicetest.Options{}).Hosts
	p, _ := newPool(t, list, nil)
	run(t, p)
	eventually(t, "up", func() bool { return stateOf(p, "host0") == hosts.Up })
	other := all[0]
	other.SSH = &hosts.SSH{Addr: list[0].SSHAddr(), User: "nobody", Signer: list[0].Signer()}
	reconfigure(t, p, other)
	eventually(t, "down", func() bool { return stateOf(p, "host0") == hosts.Unreachable })
	reconfigure(t, p, all...)
	eventually(t, "up again", func() bool { return stateOf(p, "host0") == hosts.Up })
}

// TestNewCertificateIsLookedFor at once.
func TestNewCertificateIsLookedFor(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	all := servicetest.Configure(t, list, servicetest.Options{}).Hosts
	p, _ := newPool(t, list, nil)
	run(t, p)
	eventually(t, "up", func() bool { return stateOf(p, "host0") == hosts.Up })
	noTLS := func() string { st, _ := p.StatusOf("host0"); return st.NoTLS }
	cert, key := hoststest.Certificate(t)
	for _, tt := range []struct {
		files *hosts.TLSFiles
		want  string
	}{{&hosts.TLSFiles{Cert: "/none", Key: "/none"}, "certificate files missing"}, {&hosts.TLSFiles{Cert: cert, Key: key}, ""}, {nil, "no certificate"}} {
		all[0].TLS = tt.files
		before := list[0].Requests(pretend.OpInfo)
		reconfigure(t, p, all...)
		eventually(t, "checked", func() bool { return list[0].Requests(pretend.OpInfo) > before && noTLS() == tt.want })
	}
}

// TestClosedPoolIsNotChanged: nobody would close what joins.
func TestClosedPoolIsNotChanged(t *testing.T) {
	list := servicetest.StartHosts(t, 2, pretend.Config{})
	all := servicetest.Configure(t, list, servicetest.Options{}).Hosts
	p, _ := newPool(t, list, func(c *hosts.Config) { c.Hosts = all[:1] })
	must(t, p.Close())
	if _, err := p.Reconfigure(all); err == nil || len(p.Hosts()) != 1 {
		t.Errorf("Reconfigure of a closed pool = %v, and it has %d hosts", err, len(p.Hosts()))
	}
}

// TestFirstOfNewHostsIsWaitedFor: where all are new, a client waits until one was checked.
func TestFirstOfNewHostsIsWaitedFor(t *testing.T) {
	list := servicetest.StartHosts(t, 2, pretend.Config{})
	all := servicetest.Configure(t, list, servicetest.Options{}).Hosts
	p, _ := newPool(t, list, func(c *hosts.Config) { c.Hosts = all[:1] })
	p.AwaitFirstCheck(t.Context())
	reconfigure(t, p, all[1])
	p.AwaitFirstCheck(t.Context())
	if got := stateOf(p, "host1"); got != hosts.Up {
		t.Errorf("host1 is %s, want that it was waited for", got)
	}
}

// TestReconfigureBesideAllElse is for the race detector: hosts come, change and go while
// everything else is asked of the pool.
func TestReconfigureBesideAllElse(t *testing.T) {
	list := servicetest.StartHosts(t, 3, pretend.Config{})
	all := servicetest.Configure(t, list, servicetest.Options{}).Hosts
	p, _ := newPool(t, list, func(c *hosts.Config) { c.Hosts, c.GatewayStartPort = all, 9090 })
	run(t, p)
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := int64(0); ctx.Err() == nil; n++ {
				s := spec(int64(i+1)*1000+n, 9090+i)
				s.Host, s.Gateway = all[n%3].Name, n%2 == 0
				p.AwaitFirstCheck(ctx)
				id, err := p.Create(ctx, s)
				if err != nil {
					continue // it is not there now, or its connection has just ended
				}
				s.ID = id
				_ = p.Start(ctx, s.Ref)
				if c, err := p.Dial(ctx, s.Host, s.Port); err == nil {
					c.Close()
				}
				_ = p.Settings(s)
				_, _, _ = p.List(ctx, s.Host)
				_ = p.ForceRemove(ctx, s.Ref)
				_, _ = p.Status(), p.Hosts()
			}
		})
	}
	for n := 0; ctx.Err() == nil; n++ {
		some := slices.Clone(all[:1+n%3])
		some[0].Max, some[0].SSH = n, &hosts.SSH{Addr: all[0].SSH.Addr, User: []string{all[0].SSH.User, "nobody"}[n%2], Signer: all[0].SSH.Signer}
		some[len(some)-1].TLS = &hosts.TLSFiles{Cert: "/c", Key: "/k"}
		reconfigure(t, p, some...)
		for _, name := range p.Leaving() {
			if n%2 == 0 {
				p.Dismiss(name)
			}
		}
		p.CheckHealth(ctx)
	}
	wg.Wait()
	reconfigure(t, p, all...)
	for _, h := range all {
		eventually(t, h.Name+" is up", func() bool { return stateOf(p, h.Name) == hosts.Up })
	}
}
