package main

import (
	"strings"
	"testing"

	"wrpdistributor/internal/operator"
)

func TestHostsListSaysWhetherTLSIsServed(t *testing.T) {
	for _, tt := range []struct {
		host operator.Host
		want string
	}{
		{operator.Host{NoTLS: "no certificate"}, "no"},
		{operator.Host{TLS: true}, "yes"},
		{operator.Host{NoTLS: "certificate files missing"}, "certificate files missing"},
	} {
		if got := servesTLS(tt.host); got != tt.want {
			t.Errorf("%+v is shown as %q, want %q", tt.host, got, tt.want)
		}
	}
}

// TestCommandsNameMisspeltSettings once each, though the service is not asked.
func TestCommandsNameMisspeltSettings(t *testing.T) {
	s, h := newPretendStack(t)
	s.set("WARM_CONTAINERZ", "2")
	for _, line := range []string{"migrate", "hosts list", "hosts drain " + h.SSHAddr(), "hosts undrain " + h.SSHAddr()} {
		out := s.run(0, "distributor", strings.Fields(line)...)
		if n := strings.Count(out, "did you mean WARM_CONTAINERS?"); n != 1 {
			t.Errorf("%s names the misspelt setting %d times, want once:\n%s", line, n, out)
		}
	}
}
