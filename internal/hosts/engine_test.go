package hosts_test

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/hosts/hoststest"
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

// TestHungEngineBehindBusyLink: that bytes of others come does not excuse an engine
// that hangs. It is down, and they go on coming.
func TestHungEngineBehindBusyLink(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	p, _ := newPool(t, list, func(c *hosts.Config) {
		h := &c.Hosts[0]
		ssh := *h.SSH
		ssh.Addr = hoststest.StartThrottle(t, ssh.Addr, 512<<10).Addr
		h.SSH = &ssh
		c.ConnectTimeout, c.KnownHosts = time.Second, hosts.KnownHosts{AcceptNew: filepath.Join(t.TempDir(), "known_hosts")}
	})
	p.CheckHealth(t.Context())
	if st := p.Status()[0]; st.State != hosts.Up {
		t.Fatalf("status = %+v, want up", st)
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(p.Hosts()[0].Address, "0"))
	must(t, err)
	defer ln.Close()
	go func() { // a picture without end
		nc, err := ln.Accept()
		for err == nil {
			_, err = nc.Write(make([]byte, 1<<10))
		}
	}()
	picture, err := p.Dial(t.Context(), "host0", ln.Addr().(*net.TCPAddr).Port)
	must(t, err)
	_, err = io.ReadFull(picture, make([]byte, 1<<10))
	must(t, err)
	list[0].SetDelay(pretend.OpAll, time.Hour)
	defer list[0].SetDelay(pretend.OpAll, 0)
	reading := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, picture)
		reading <- err
	}()
	p.CheckHealth(t.Context())
	if st := p.Status()[0]; st.State != hosts.Unreachable {
		t.Errorf("status = %+v, want unreachable", st)
	}
	select {
	case err := <-reading:
		t.Errorf("the picture ended: %v", err)
	default:
	}
	picture.Close()
	<-reading
}
