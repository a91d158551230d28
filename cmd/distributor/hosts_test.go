package main

import (
	"testing"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

func TestHostsListSaysWhetherTLSIsServed(t *testing.T) {
	files := &hosts.TLSFiles{}
	for _, tt := range []struct {
		status hosts.Status
		want   string
	}{
		{hosts.Status{NoTLS: "no certificate"}, "no"},
		{hosts.Status{Host: hosts.Host{TLS: files}}, "yes"},
		{hosts.Status{Host: hosts.Host{TLS: files}, NoTLS: "certificate files missing"}, "certificate files missing"},
	} {
		if got := servesTLS(session.HostState{Status: tt.status}); got != tt.want {
			t.Errorf("%+v is shown as %q, want %q", tt.status, got, tt.want)
		}
	}
}
