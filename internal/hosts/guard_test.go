package hosts

import (
	"errors"
	"fmt"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
)

// guardSettings are for whatever ports tests choose.
func guardSettings() []string {
	return []string{"IMAGES=" + hoststest.Image, "PORTS=1024-65535", "PUBLISH=*"}
}

// TestRealGuard drives a container through its life on hosts whose keys reach Docker by a
// guard only.
func TestRealGuard(t *testing.T) {
	guard := hoststest.StartGuard(t, guardSettings()...)
	byKey := hoststest.NewGuard(t, guardSettings()...)
	for _, tt := range []struct {
		name string
		opt  hoststest.SSHDOptions
		want way
	}{
		{"its socket", hoststest.SSHDOptions{KeyOptions: hoststest.GuardedKey, Guard: guard}, guardSocket},
		{"a forced command", hoststest.SSHDOptions{KeyOptions: byKey.KeyOptions(), Config: "AllowStreamLocalForwarding no"}, byCommand},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, id := realPool(t, hoststest.StartSSHD(t, tt.opt))
			p.CheckHealth(t.Context())
			if st := p.Status()[0]; st.State != Up {
				t.Fatalf("status = %+v\n%s", st, fmt.Sprint(guard.Process().Output()))
			}
			lifecycle(t, p, id, "host0")
			c, err := p.hosts[0].client.connection(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if c.way != tt.want {
				t.Errorf("goes by %s, want %s", c.way, tt.want)
			}
		})
	}
	if out := guard.Process().Output(); out != "" {
		t.Errorf("the guard says: %s", out)
	}
}

// TestRealGuardOfForeignNames: a guard tells nothing of a container that is not ours. One that
// has the name of a session is none of it, with a guard and without, and stays.
func TestRealGuardOfForeignNames(t *testing.T) {
	guard := hoststest.StartGuard(t, guardSettings()...)
	p, id := realPool(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{KeyOptions: hoststest.GuardedKey, Guard: guard}))
	ref := Ref{Host: "host0", Name: fmt.Sprintf("wrp_%.8s_77", id), Session: 77, Nonce: "x"}
	hoststest.Docker(t, "create", "--name", ref.Name, hoststest.Image)
	t.Cleanup(func() { hoststest.Docker(t, "rm", "-f", ref.Name) })
	if _, err := p.Inspect(t.Context(), ref); !errors.Is(err, ErrGone) {
		t.Errorf("Inspect: %v, want ErrGone", err)
	}
	if err := p.Remove(t.Context(), ref); err != nil {
		t.Errorf("Remove: %v", err)
	}
	if got := hoststest.Docker(t, "inspect", "-f", "{{.Name}}", ref.Name); got != "/"+ref.Name {
		t.Errorf("afterwards there is %s", got)
	}
}
