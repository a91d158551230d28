package httpapi

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

// TestAddressLeadsToContainer: by the host's name, or by that of this machine as the
// client knows it.
func TestAddressLeadsToContainer(t *testing.T) {
	pool, err := hosts.New(hosts.Config{Log: slog.New(slog.DiscardHandler), Hosts: []hosts.Host{
		{Name: "c1.example:2222", Address: "c1.example"}, {Name: "2001:db8::1", Address: "2001:db8::1"}, {Name: "local"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	s := New(Config{Pool: pool, Guard: auth.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, slog.New(slog.DiscardHandler))})
	for _, tt := range []struct{ host, asked, want string }{
		{"local", "fe80::1%eth0", "192.0.2.77:9090"},
		{"c1.example:2222", "x", "c1.example:9090"},
		{"2001:db8::1", "x", "[2001:db8::1]:9090"},
		{"old.example:22", "x", "old.example:9090"},
		{"old.example", "x", "old.example:9090"},
		{"local", "retro.example:7777", "retro.example:9090"},
		{"local", "retro", "retro:9090"},
		{"local", "192.0.2.1:7777", "192.0.2.1:9090"},
		{"local", "[2001:db8::2]:7777", "[2001:db8::2]:9090"},
		{"local", "<script>", "192.0.2.77:9090"},
		{"local", "", "192.0.2.77:9090"},
	} {
		r := httptest.NewRequest("PUT", "/", nil)
		r.Host = tt.asked
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 77), Port: 7777})))
		if got := s.address(&session.Session{Host: tt.host, Port: 9090}, r); got != tt.want {
			t.Errorf("host %q asked as %q: wrpUrl %q, want %q", tt.host, tt.asked, got, tt.want)
		}
	}

	// What a proxy was asked as counts if it is trusted.
	for peer, want := range map[string]string{"127.0.0.1:1": "retro.example:9090", "192.0.2.9:1": "inside:9090"} {
		r := httptest.NewRequest("PUT", "/", nil)
		r.RemoteAddr, r.Host = peer, "inside:7777"
		r.Header.Set("X-Forwarded-Host", "retro.example:443")
		if got := s.address(&session.Session{Host: "local", Port: 9090}, r); got != want {
			t.Errorf("by %s: wrpUrl %q, want %q", peer, got, want)
		}
	}
}

func TestSSLIsTrueUnlessItSaysNo(t *testing.T) {
	for value, want := range map[string]bool{
		"": false, "0": false, "false": false, "FALSE": false, "no": false, "off": false, " Off ": false,
		"1": true, "true": true, "yes": true, "2": true, "anything": true,
	} {
		if got := isTrue(value); got != want {
			t.Errorf("ssl=%q: %t, want %t", value, got, want)
		}
	}
}
