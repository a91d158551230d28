package hosts_test

import (
	"errors"
	"testing"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

// TestHungEngineCutsNoGatewayTraffic: an engine that does not answer is down;
// the connection that carries the gateway's traffic stays, and takes more of it. A
// whole host that does not answer loses its connection.
func TestHungEngineCutsNoGatewayTraffic(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	p, _ := newPool(t, list, func(c *hosts.Config) { c.ConnectTimeout = 2 * time.Second })
	s := spec(1, 9090)
	s.Gateway = true
	s = start(t, p, s)
	must(t, p.Ready(t.Context(), s))
	logins, _ := list[0].Logins()
	list[0].SetDelay(pretend.OpAll, time.Hour)
	for _, want := range []error{hosts.ErrUnreachable, hosts.ErrDown} {
		if _, err := p.Create(t.Context(), spec(2, 9091)); !errors.Is(err, want) {
			t.Errorf("Create with a hung engine = %v, want %v", err, want)
		}
		p.CheckHealth(t.Context())
		if st := p.Status()[0]; st.State != hosts.Unreachable {
			t.Errorf("status = %+v, want unreachable", st)
		}
		if err := p.Probe(t.Context(), s); err != nil {
			t.Errorf("traffic of a gateway session: %v", err)
		}
	}
	if n, _ := list[0].Logins(); n != logins {
		t.Errorf("%d more logins, want the one connection to stay", n-logins)
	}
	list[0].DropConnections()
	// Nobody checks the host meanwhile: that it is down does not matter.
	eventually(t, "traffic over a new connection", func() bool {
		err := p.Probe(t.Context(), s)
		if errors.Is(err, hosts.ErrUnreachable) {
			t.Fatalf("traffic after a reconnect: %v", err)
		}
		return err == nil
	})
	if n, _ := list[0].Logins(); n == logins {
		t.Error("the connection did not end")
	}
	if st := p.Status()[0]; st.State != hosts.Unreachable {
		t.Errorf("status = %+v, want unreachable", st)
	}
	list[0].SetDelay(pretend.OpAll, 0)
	eventually(t, "up again", func() bool {
		p.CheckHealth(t.Context())
		return p.Status()[0].State == hosts.Up
	})
}
