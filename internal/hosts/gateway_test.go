package hosts

import (
	"errors"
	"strconv"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/porttest"
)

// TestRealGatewayContainer: a container for the gateway is reached through the
// host's connection, stands still while it is paused, goes on after that, and is
// removed like any other even if it is paused.
func TestRealGatewayContainer(t *testing.T) {
	p, id := realPool(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{}))
	ctx := t.Context()
	s := Spec{Ref: Ref{Host: "host0", Name: "wrp_" + id[:8] + "_7", Session: 7, Nonce: "n"}, Port: porttest.Free(t), Token: "secret", Gateway: true}
	var err error
	if s.ID, err = p.Create(ctx, s); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Start(ctx, s.Ref), p.Ready(ctx, s), p.WarmUp(ctx, s), p.Probe(ctx, s)); err != nil {
		t.Fatal(err)
	}
	if bound := hoststest.Docker(t, "port", s.ID); bound != "8080/tcp -> 127.0.0.1:"+strconv.Itoa(s.Port) {
		t.Errorf("the container is published on %q, want 127.0.0.1 only", bound)
	}
	paused := func(want bool) {
		t.Helper()
		f, err := p.Inspect(ctx, s.Ref)
		list, _, listErr := p.List(ctx, "host0")
		if err != nil || f.Paused != want || listErr != nil || len(list) != 1 || list[0].Paused != want || !list[0].Running {
			t.Errorf("inspected %+v, %v; listed %+v, %v; want paused %t, and running", f, err, list, listErr, want)
		}
	}
	for range 2 { // twice is fine
		if err := p.Pause(ctx, s.Ref); err != nil {
			t.Fatal(err)
		}
	}
	paused(true)
	answered := make(chan error, 1)
	go func() { answered <- p.Probe(ctx, s) }()
	for range 2 {
		if err := p.Unpause(ctx, s.Ref); err != nil {
			t.Fatal(err)
		}
	}
	paused(false)
	if err := <-answered; err != nil {
		t.Errorf("a request that waited for the container: %v", err)
	}
	if err := p.Pause(ctx, s.Ref); err != nil {
		t.Fatal(err)
	}
	if err := p.Remove(ctx, s.Ref); err != nil {
		t.Errorf("Remove of a paused container: %v", err)
	}
	for _, do := range []error{p.Pause(ctx, s.Ref), p.Unpause(ctx, s.Ref)} {
		if !errors.Is(do, ErrGone) {
			t.Errorf("pausing what is gone = %v, want ErrGone", do)
		}
	}
	if c, err := p.Dial(ctx, "host0", s.Port); err == nil {
		_ = c.Close()
		t.Error("something still listens on the port")
	}
	if _, err := p.Dial(ctx, "nowhere", s.Port); !errors.Is(err, ErrUnknownHost) {
		t.Errorf("Dial of an unknown host = %v, want ErrUnknownHost", err)
	}
}

// TestRealGatewayKeyLines: the key lines that are documented for a gateway.
func TestRealGatewayKeyLines(t *testing.T) {
	for name, line := range map[string]string{
		"socket":     `restrict,port-forwarding,command="/bin/false",permitopen="[/var/run/docker.sock]:*",permitopen="127.0.0.1:*",permitlisten="127.0.0.1:1"`,
		"dial-stdio": `restrict,port-forwarding,command="docker system dial-stdio",permitopen="127.0.0.1:*",permitlisten="127.0.0.1:1"`,
	} {
		t.Run(name, func(t *testing.T) {
			p, id := realPool(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{KeyOptions: line}))
			ctx := t.Context()
			s := Spec{Ref: Ref{Host: "host0", Name: "wrp_" + id[:8] + "_7", Session: 7, Nonce: "n"}, Port: porttest.Free(t), Token: "secret", Gateway: true}
			p.hosts[0].client.required.configured = []int{s.Port}
			p.CheckHealth(ctx)
			if st := p.Status()[0]; st.State != Up {
				t.Fatalf("status = %+v, want Up", st)
			}
			var err error
			if s.ID, err = p.Create(ctx, s); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(p.Start(ctx, s.Ref), p.Ready(ctx, s), p.Probe(ctx, s)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRealForwardOfSparePorts: a key that names the ports of all slots is enough if
// those are all that containers may get.
func TestRealForwardOfSparePorts(t *testing.T) {
	slots := `restrict,port-forwarding,permitopen="[/var/run/docker.sock]:*",permitopen="127.0.0.1:9090",permitopen="127.0.0.1:9093"`
	for _, tt := range []struct {
		spare int
		key   string
		want  State
	}{
		{0, slots, Up},
		{2, slots, Unusable},
		{2, slots + `,permitopen="127.0.0.1:9095"`, Up},
	} {
		sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{KeyOptions: tt.key})
		p := realPoolOf(t, Config{Container: ContainerConfig{Image: hoststest.Image}, GatewayStartPort: 9090, SparePorts: tt.spare}, sshd)
		p.CheckHealth(t.Context())
		if st := p.Status()[0]; st.State != tt.want {
			t.Errorf("%d spare ports, key %s: %+v, want %s", tt.spare, tt.key, st, tt.want)
		}
	}
}

// TestRealForbiddenForward: whatever keeps us from the containers on a host's
// loopback, the host takes none, says why, and can still be asked.
func TestRealForbiddenForward(t *testing.T) {
	for name, opt := range map[string]hoststest.SSHDOptions{
		"no port":         {KeyOptions: `restrict,port-forwarding,permitopen="[/var/run/docker.sock]:*"`},
		"some ports":      {KeyOptions: `restrict,port-forwarding,permitopen="[/var/run/docker.sock]:*",permitopen="127.0.0.1:9090"`},
		"dial-stdio only": {KeyOptions: `restrict,command="docker system dial-stdio"`},
		"permitopen only": {KeyOptions: `restrict,command="docker system dial-stdio",permitopen="127.0.0.1:*"`},
		"sshd's own rule": {Config: "AllowTcpForwarding no"},
	} {
		t.Run(name, func(t *testing.T) {
			p, id := realPool(t, hoststest.StartSSHD(t, opt))
			p.hosts[0].client.required.configured = []int{9090, 9093}
			p.CheckHealth(t.Context())
			if st := p.Status()[0]; st.State != Unusable {
				t.Errorf("status = %+v, want Unusable", st)
			}
			s := Spec{Ref: Ref{Host: "host0", Name: "wrp_" + id[:8] + "_7", Session: 7, Nonce: "n"}, Port: 9090, Token: "secret", Gateway: true}
			if _, err := p.Create(t.Context(), s); err == nil {
				t.Error("Create on a host that does not let us through succeeded")
			}
			if _, err := p.hosts[0].prepareCreate(t.Context(), s); !errors.Is(err, ErrForbidden) && !errors.Is(err, ErrDown) {
				t.Errorf("prepareCreate = %v, want ErrForbidden, or the host down", err)
			}
			if list, _, err := p.List(t.Context(), "host0"); err != nil || len(list) != 0 {
				t.Errorf("List = %+v, %v; want it to work", list, err)
			}
		})
	}
}
