package hostsetup_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"wrpdistributor/internal/hostguard"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/hostsetup"
)

// TestGuardAllowsWhatIsAskedFor: its settings are those of the distributor, as the guard
// itself reads them.
func TestGuardAllowsWhatIsAskedFor(t *testing.T) {
	h := hosts.Host{Max: 20, TLS: &hosts.TLSFiles{Cert: "/c.pem", Key: "/k.pem"}}
	c := hosts.Config{SparePorts: 16, Container: hosts.ContainerConfig{
		Image: "a/b:1", Memory: 300<<20 + 1, CPUs: 0.5, Pids: 99, Network: hosts.Network{Subnet: netip.MustParsePrefix("10.99.0.0/24")},
	}}
	got := load(t, h, c)
	if got.FirstPort != 9090 || got.LastPort != 9125 || !slices.Contains(got.Publish, "") || got.MaxMemory < c.Container.Memory || got.MaxNanoCPUs != 5e8 ||
		got.MaxPids != 99 || got.Network != "wrp" || got.Subnet != c.Container.Network.Subnet || *got.Certificate != (hostguard.Certificate{Cert: "/c.pem", Key: "/k.pem"}) {
		t.Errorf("the guard allows %+v, want what %+v asks for", got, c)
	}
	c.GatewayStartPort, c.Container.Network, c.Container.CPUs = 9090, hosts.Network{Name: "lan"}, 0
	if got := load(t, hosts.Host{Max: 1}, c); !slices.Equal(got.Publish, []string{"127.0.0.1"}) || got.Network != "lan" || got.MaxNanoCPUs != 0 || got.Certificate != nil {
		t.Errorf("behind a gateway the guard allows %+v", got)
	}
	for _, none := range []hosts.ContainerConfig{{Image: "a", Pids: 1}, {Image: "a", Memory: 1 << 30}} {
		if _, err := hostsetup.GuardSettings(h, hosts.Config{Container: none}, 9090); !errors.Is(err, hostsetup.ErrUnlimited) {
			t.Errorf("%+v: %v, want that no limit does not go with a guard", none, err)
		}
	}
}

func load(t *testing.T, h hosts.Host, c hosts.Config) *hostguard.Config {
	t.Helper()
	text, err := hostsetup.GuardSettings(h, c, 9090)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := hostguard.LoadConfig(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return got
}
