package auth

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// TestForwardedForOfTrustedProxiesCounts: up to the first address that is none of
// them; a private peer that may be one is hinted at once.
func TestForwardedForOfTrustedProxiesCounts(t *testing.T) {
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
		g := New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("10.0.0.0/8")},
			slog.New(slog.NewTextHandler(&log, nil)))
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Header["X-Forwarded-For"] = tt.peer, tt.xff
		got := ""
		for range 2 {
			if addr, err := g.Client(r); err == nil {
				got = addr.String()
			}
		}
		if got != tt.want {
			t.Errorf("%s, X-Forwarded-For %q: client %q, want %q", tt.peer, tt.xff, got, tt.want)
		}
		hinted := strings.Count(log.String(), "setting=TRUSTED_PROXIES")
		if want := strings.HasPrefix(tt.peer, "192.168."); (hinted == 1) != want || hinted > 1 {
			t.Errorf("%s, X-Forwarded-For %q: hinted %d times at an undeclared proxy", tt.peer, tt.xff, hinted)
		}
	}
}
