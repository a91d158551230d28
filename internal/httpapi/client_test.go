package httpapi

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

func TestDecision28ForwardedFor(t *testing.T) {
	for _, tt := range []struct {
		peer string
		xff  []string
		want string // "": refused
	}{
		{"192.0.2.9:1", nil, "192.0.2.9"},
		{"192.0.2.9:1", []string{"203.0.113.1"}, "192.0.2.9"},
		{"192.168.0.9:1", []string{"203.0.113.1"}, "192.168.0.9"},
		{"127.0.0.1:1", nil, "127.0.0.1"},
		{"127.0.0.1:1", []string{""}, "127.0.0.1"},
		{"127.0.0.1:1", []string{"203.0.113.1"}, "203.0.113.1"},
		{"127.0.0.1:1", []string{"6.6.6.6, 203.0.113.1"}, "203.0.113.1"},
		{"127.0.0.1:1", []string{"6.6.6.6, 203.0.113.1, 10.0.0.1, 10.0.0.2"}, "203.0.113.1"},
		{"127.0.0.1:1", []string{"203.0.113.1", "10.0.0.1"}, "203.0.113.1"},
		{"127.0.0.1:1", []string{"10.0.0.3, 10.0.0.1"}, "10.0.0.3"},
		{"127.0.0.1:1", []string{"junk, 203.0.113.1"}, "203.0.113.1"},
		{"127.0.0.1:1", []string{"203.0.113.1, junk"}, ""},
		{"127.0.0.1:1", []string{"junk, 10.0.0.1"}, ""},
		{"127.0.0.1:1", []string{"203.0.113.1:4711"}, "203.0.113.1"},
		{"127.0.0.1:1", []string{"[2001:db8::1]:80"}, "2001:db8::1"},
		{"127.0.0.1:1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"127.0.0.1:1", []string{"2001:DB8:0:0::1"}, "2001:db8::1"},
		{"127.0.0.1:1", []string{"fe80::1%eth0"}, "fe80::1"},
		{"[::1]:1", []string{"::ffff:203.0.113.1"}, "203.0.113.1"},
		{"[::ffff:127.0.0.1]:1", []string{"203.0.113.1"}, "203.0.113.1"},
	} {
		var log bytes.Buffer
		s := New(Config{Log: slog.New(slog.NewTextHandler(&log, nil)), TrustedProxies: []netip.Prefix{
			netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("10.0.0.0/8")}})
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Header["X-Forwarded-For"] = tt.peer, tt.xff
		got := ""
		for range 2 {
			if addr, err := s.clientAddr(r); err == nil {
				got = addr.String()
			}
		}
		if got != tt.want {
			t.Errorf("%s, X-Forwarded-For %q: client %q, want %q", tt.peer, tt.xff, got, tt.want)
		}
		hinted := strings.Count(log.String(), "TRUSTED_PROXIES")
		if want := strings.HasPrefix(tt.peer, "192.168."); (hinted == 1) != want || hinted > 1 {
			t.Errorf("%s, X-Forwarded-For %q: hinted %d times at an undeclared proxy", tt.peer, tt.xff, hinted)
		}
	}
}

func TestDecision18Address(t *testing.T) {
	pool, err := hosts.New(hosts.Config{Log: slog.New(slog.DiscardHandler), Hosts: []hosts.Host{
		{Name: "c1.example:2222", Address: "c1.example"}, {Name: "2001:db8::1", Address: "2001:db8::1"}, {Name: "local"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	s := New(Config{Pool: pool})
	for _, tt := range []struct{ host, asked, want string }{
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
}

func TestIsTrue(t *testing.T) {
	for value, want := range map[string]bool{
		"": false, "0": false, "false": false, "FALSE": false, "no": false, "off": false, " Off ": false,
		"1": true, "true": true, "yes": true, "2": true, "anything": true,
	} {
		if got := isTrue(value); got != want {
			t.Errorf("ssl=%q: %t, want %t", value, got, want)
		}
	}
}
