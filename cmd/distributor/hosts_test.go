package main

import (
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
