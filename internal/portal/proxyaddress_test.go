package portal

import (
	"crypto/tls"
	"log/slog"
	"net/http/httptest"
	"testing"

	"wrpdistributor/internal/auth"
)

// TestProxyIsFoundWithoutTLS: browsers are told of an address that they can use, whichever
// listener they asked at.
func TestProxyIsFoundWithoutTLS(t *testing.T) {
	t.Parallel()
	guard := auth.New(nil, slog.New(slog.DiscardHandler))
	for _, tt := range []struct {
		address, host string
		tls           bool
		want          string
	}{
		{"", "wrp.example:7778", false, "wrp.example:7778"},
		{"", "wrp.example:8443", true, "wrp.example:7778"},
		{"", "wrp.example", true, "wrp.example:7778"},
		{"", "[2001:db8::1]:8443", true, "[2001:db8::1]:7778"},
		{"", "[2001:db8::1]:7778", false, "[2001:db8::1]:7778"},
		{"", "", false, "127.0.0.1"},
		{"wrp.example:80", "elsewhere.example:8443", true, "wrp.example:80"},
	} {
		r := httptest.NewRequest("GET", "/proxy.pac", nil)
		if r.Host = tt.host; tt.tls {
			r.TLS = &tls.ConnectionState{}
		}
		p := &Portal{Config: Config{Guard: guard, Address: tt.address, Port: "7778"}}
		if got := p.proxyAddress(r); got != tt.want {
			t.Errorf("at %q, TLS: %t, with the address %q: %s, want %s", tt.host, tt.tls, tt.address, got, tt.want)
		}
	}
}
