package auth

import (
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
)

func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{"", "192.0.2.1", "192.0.2.1, 10.0.0.1", "junk", "[2001:db8::1]:80", "::ffff:192.0.2.1", "fe80::1%eth0", ",,", "1.2.3.4:99999"} {
		f.Add(seed)
	}
	g := New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}, slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "127.0.0.1:1"
		r.Header.Set("X-Forwarded-For", header)
		addr, err := g.Client(r)
		if err != nil {
			return
		}
		if !addr.IsValid() || addr.Is4In6() || addr.Zone() != "" {
			t.Errorf("X-Forwarded-For %q gives %v, which is not canonical", header, addr)
		}
		r.RemoteAddr = "192.0.2.9:1"
		if addr, err := g.Client(r); err != nil || addr.String() != "192.0.2.9" {
			t.Errorf("an untrusted peer's X-Forwarded-For %q gives %v, %v", header, addr, err)
		}
	})
}

func FuzzOrigin(f *testing.F) {
	for _, seed := range []string{"", "https", "a.example:8443", `for=192.0.2.1;proto=https;host="[2001:db8::1]:81"`, `for="_x\"";host=a, proto=http`, `"`, `\`, ",;=", "fe80::1%x", "99999"} {
		f.Add(seed, seed, seed, seed)
	}
	g := New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, proto, host, port, forwarded string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Forwarded-Proto"], r.Header["X-Forwarded-Host"] = []string{proto}, []string{host}
		r.Header["X-Forwarded-Port"], r.Header["Forwarded"] = []string{port}, []string{forwarded}
		r.RemoteAddr = "127.0.0.1:1"
		scheme, at := g.Origin(r)
		if u, err := url.Parse(scheme + "://" + at + "/"); err != nil || u.Host != at || u.Path != "/" || scheme != "http" && scheme != "https" || HostOf(at) == "" {
			t.Errorf("the client used %q, %q, which make no address: %v", scheme, at, err)
		}
		r.RemoteAddr = "192.0.2.9:1"
		if scheme, at := g.Origin(r); scheme != "http" || at != "example.com" {
			t.Errorf("an untrusted peer says %q, %q", scheme, at)
		}
	})
}
