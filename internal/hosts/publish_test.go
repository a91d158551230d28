package hosts

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/porttest"
)

// TestRealPublishAddress: a direct container answers on the configured address
// alone, and is asked there whether it serves. One behind the gateway stays on
// loopback.
func TestRealPublishAddress(t *testing.T) {
	for _, tt := range []struct {
		publish string
		gateway bool
		bound   string
		answers []string // of the addresses below
	}{
		{"", false, "0.0.0.0", []string{"127.0.0.1", "127.0.0.5"}},
		{"0.0.0.0", false, "0.0.0.0", []string{"127.0.0.1", "127.0.0.5"}},
		{"127.0.0.1", false, "127.0.0.1", []string{"127.0.0.1"}},
		{"127.0.0.5", false, "127.0.0.5", []string{"127.0.0.5"}},
		{"::1", false, "::1", nil},
		{"127.0.0.5", true, "127.0.0.1", []string{"127.0.0.1"}},
	} {
		t.Run(tt.publish+" gateway "+strconv.FormatBool(tt.gateway), func(t *testing.T) {
			p, id := realPool(t)
			p.hosts[0].Publish = tt.publish
			s := startPublished(t, p, id, tt.gateway)
			if got := hoststest.Docker(t, "inspect", "-f",
				`{{with index .NetworkSettings.Ports "8080/tcp" 0}}{{.HostIp}}{{end}}`, s.ID); got != tt.bound {
				t.Errorf("published on %s, want %s", got, tt.bound)
			}
			var answers []string
			for _, address := range []string{"127.0.0.1", "127.0.0.5"} {
				if c, err := net.Dial("tcp", net.JoinHostPort(address, strconv.Itoa(s.Port))); err == nil {
					c.Close()
					answers = append(answers, address)
				}
			}
			if !slices.Equal(answers, tt.answers) {
				t.Errorf("answers on %v, want %v", answers, tt.answers)
			}
		})
	}
}

// startPublished starts a container on this machine and sees that it serves.
func startPublished(t *testing.T, p *Pool, id string, gateway bool) Spec {
	t.Helper()
	s := Spec{Ref: Ref{Host: "local", Name: "wrp_" + id[:8] + "_7", Session: 7, Nonce: "n"}, Port: porttest.Free(t), Token: "secret", Gateway: gateway}
	var err error
	if s.ID, err = p.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Start(t.Context(), s.Ref), p.Ready(t.Context(), s), p.Probe(t.Context(), s)); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRealPublishAddressOfAnotherMachine: the host says so, before a client finds out.
func TestRealPublishAddressOfAnotherMachine(t *testing.T) {
	p, _ := realPool(t)
	p.hosts[0].Publish = "192.0.2.1"
	p.CheckHealth(t.Context())
	if st := p.Status()[0]; st.State != Unusable || !strings.Contains(st.Reason, "PUBLISH_ADDRESS is no address of this machine") {
		t.Errorf("status = %+v, want Unusable, and the setting", st)
	}
}
