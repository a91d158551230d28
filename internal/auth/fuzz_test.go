package auth

import (
	"log/slog"
	"net/http/httptest"
	"net/netip"
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
