package hosts_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/network"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

const (
	optionOpen   = "com.docker.network.bridge.enable_icc"
	optionBridge = "com.docker.network.bridge.name"
)

// TestContainersAreOnOneClosedNetwork: it is made with the first check, once, and
// every container is on it.
func TestContainersAreOnOneClosedNetwork(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	p, log := newPool(t, list, nil)
	for range 3 {
		p.CheckHealth(t.Context())
	}
	if n := list[0].Requests(pretend.OpCreateNetwork); n != 1 || log.count("msg", "network made", "network", "wrp") != 1 {
		t.Errorf("asked for the network %d times, logged %d; want once", n, log.count("msg", "network made"))
	}
	start(t, p, spec(1, 9090))
	if on := list[0].Containers()[0].Network; on != "wrp" {
		t.Errorf("the container is on network %q, want wrp", on)
	}
}

// TestNetworkGoneBeforeStart: it is made anew, and the host goes on. A host that
// has never been checked is no other case.
func TestNetworkGoneBeforeStart(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	p, _ := newPool(t, list, nil)
	start(t, p, spec(1, 9090))
	p.CheckHealth(t.Context())
	s := spec(2, 9091)
	id, err := p.Create(t.Context(), s)
	must(t, err)
	s.ID = id
	if !list[0].RemoveNetwork("wrp") {
		t.Fatal("there is no network wrp")
	}
	must(t, p.Start(t.Context(), s.Ref))
	if st := p.Status()[0]; st.State != hosts.Up {
		t.Errorf("status = %+v, want Up", st)
	}
}

// TestNetworkThatDiffersTakesNoContainers: the reason says what differs and what to
// do; the host can still be asked, and comes back when the network is right.
func TestNetworkThatDiffersTakesNoContainers(t *testing.T) {
	on := true
	good := func() network.CreateOptions {
		return network.CreateOptions{Driver: "bridge", Options: map[string]string{optionOpen: "false", optionBridge: "wrp0"}}
	}
	for _, tt := range []struct {
		reason string
		change func(*network.CreateOptions)
	}{
		{"its containers can reach each other", func(o *network.CreateOptions) { delete(o.Options, optionOpen) }},
		{"its containers can reach each other", func(o *network.CreateOptions) { o.Options[optionOpen] = "true" }},
		{`its bridge is "br-1"`, func(o *network.CreateOptions) { o.Options[optionBridge] = "br-1" }},
		{"its driver is macvlan", func(o *network.CreateOptions) { o.Driver = "macvlan" }},
		{"it is internal", func(o *network.CreateOptions) { o.Internal = true }},
		{"it has IPv6", func(o *network.CreateOptions) { o.EnableIPv6 = &on }},
	} {
		list := servicetest.StartHosts(t, 1, pretend.Config{})
		p, _ := newPool(t, list, nil)
		options := good()
		tt.change(&options)
		must(t, list[0].AddNetwork("wrp", options))
		p.CheckHealth(t.Context())
		if st := p.Status()[0]; st.State != hosts.Unusable || !strings.Contains(st.Reason, tt.reason) || !strings.Contains(st.Reason, "docker network rm wrp") {
			t.Errorf("status = %+v, want Unusable: %s, and what to do", st, tt.reason)
		}
		if _, err := p.Create(t.Context(), spec(1, 9090)); err == nil {
			t.Errorf("Create although %s", tt.reason)
		}
		if _, _, err := p.List(t.Context(), "host0"); err != nil || !list[0].RemoveNetwork("wrp") {
			t.Errorf("List = %v, and the network must not be removed", err)
		}
		must(t, list[0].AddNetwork("wrp", good()))
		p.CheckHealth(t.Context())
		if st := p.Status()[0]; st.State != hosts.Up {
			t.Errorf("status with the right network = %+v, want Up", st)
		}
	}
}

// TestNetworkThatCannotBeMade: the engine's words and the settings that help are
// the reason.
func TestNetworkThatCannotBeMade(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	list[0].FailNext(pretend.OpCreateNetwork, 403, "could not find an available IPv4 address pool", 1000)
	p, _ := newPool(t, list, func(c *hosts.Config) { c.ConnectTimeout = 0 })
	p.CheckHealth(t.Context())
	st := p.Status()[0]
	if st.State != hosts.Unusable || !strings.Contains(st.Reason, "address pool") || !strings.Contains(st.Reason, "CONTAINER_SUBNET") {
		t.Errorf("status = %+v, want Unusable, the engine's words and CONTAINER_SUBNET", st)
	}
}

// TestNetworkOfSomebodyElseIsFound: whoever is refused, with whatever status, takes
// what another one has made meanwhile.
func TestNetworkOfSomebodyElseIsFound(t *testing.T) {
	for _, status := range []int{403, 409, 500} {
		list := servicetest.StartHosts(t, 1, pretend.Config{})
		list[0].FailNext(pretend.OpCreateNetwork, status, "networks have same bridge name", 1)
		p, _ := newPool(t, list, func(c *hosts.Config) { c.ConnectTimeout = 0 })
		p.CheckHealth(t.Context())
		if st := p.Status()[0]; st.State != hosts.Up {
			t.Errorf("status after a refusal with %d = %+v, want Up", status, st)
		}
	}
}

// TestOperatorsNetwork: it is used as it is and never made. One whose containers
// reach each other, as those of Docker's own bridge do, is warned of once.
func TestOperatorsNetwork(t *testing.T) {
	for _, tt := range []struct {
		name, open string
		warnings   int
	}{{"mine", "false", 0}, {"mine", "true", 1}, {"bridge", "", 1}} {
		list := servicetest.StartHosts(t, 1, pretend.Config{})
		p, log := newPool(t, list, func(c *hosts.Config) { c.Container.Network.Name = tt.name })
		if tt.name == "mine" {
			p.CheckHealth(t.Context())
			if st := p.Status()[0]; st.State != hosts.Unusable || !strings.Contains(st.Reason, "mine is not there") || !strings.Contains(st.Reason, "CONTAINER_NETWORK") {
				t.Errorf("status without the network = %+v, want Unusable, and the setting", st)
			}
			must(t, list[0].AddNetwork("mine", network.CreateOptions{Driver: "bridge", Options: map[string]string{optionOpen: tt.open}}))
		}
		p.CheckHealth(t.Context())
		p.CheckHealth(t.Context())
		start(t, p, spec(1, 9090))
		if on := list[0].Containers()[0].Network; on != tt.name || list[0].Requests(pretend.OpCreateNetwork) != 0 {
			t.Errorf("the container is on %q, want %s, which is never made", on, tt.name)
		}
		if n := log.count("level", "WARN", "host", "host0", "network", tt.name); n != tt.warnings {
			t.Errorf("%d warnings of %s, enable_icc %q; want %d", n, tt.name, tt.open, tt.warnings)
		}
	}
}

// TestOperatorsNetworkGoneBeforeStart: the start fails, and the host takes no more.
func TestOperatorsNetworkGoneBeforeStart(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	must(t, list[0].AddNetwork("mine", network.CreateOptions{Driver: "bridge", Options: map[string]string{optionOpen: "false"}}))
	p, _ := newPool(t, list, func(c *hosts.Config) { c.Container.Network.Name = "mine" })
	s := spec(1, 9090)
	id, err := p.Create(t.Context(), s)
	must(t, err)
	s.ID = id
	list[0].RemoveNetwork("mine")
	if err := p.Start(t.Context(), s.Ref); !errors.Is(err, hosts.ErrNetwork) || errors.Is(err, hosts.ErrGone) {
		t.Errorf("Start = %v, want ErrNetwork", err)
	}
	if st := p.Status()[0]; st.State != hosts.Unusable {
		t.Errorf("status = %+v, want Unusable", st)
	}
}

// TestFirstRefusalOfNetworkIsTold: what it left behind is all that the engine says later,
// and nothing that other addresses would help against.
func TestFirstRefusalOfNetworkIsTold(t *testing.T) {
	t.Parallel()
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	list[0].FailNext(pretend.OpCreateNetwork, 500, "write /var/lib/docker/network/files/local-kv.db: no space left on device", 1)
	list[0].FailNext(pretend.OpCreateNetwork, 403, "networks have same bridge name", 9)
	p, _ := newPool(t, list, func(c *hosts.Config) { c.ConnectTimeout = 0 })
	for range 2 {
		p.CheckHealth(t.Context())
		st := p.Status()[0]
		if !strings.Contains(st.Reason, "no space left on device (what is left of that attempt is in the way now: ") || strings.Contains(st.Reason, "CONTAINER_SUBNET") {
			t.Fatalf("status = %+v, want what the engine said first, and no advice on addresses", st)
		}
	}
	p.CheckHealth(t.Context())
	if st := p.Status()[0]; st.State != hosts.Up {
		t.Errorf("status of an engine that makes it again = %+v, want Up", st)
	}
}
