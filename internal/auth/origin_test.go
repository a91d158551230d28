package auth

import (
	"crypto/tls"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// TestOriginIsWhatTrustedProxiesSay: scheme, host and port of the address that the client
// used; what it says itself about that counts for nothing.
func TestOriginIsWhatTrustedProxiesSay(t *testing.T) {
	g := New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}, slog.New(slog.DiscardHandler))
	for _, tt := range []struct {
		peer, host string
		headers    string // separated by |
		want       string
	}{
		// nobody says anything
		{"127.0.0.1:1", "in:81", "", "http://in:81"},
		{"192.0.2.9:1", "in:81", "", "http://in:81"},
		{"127.0.0.1:1", "", "", "http://"},
		// who is not trusted
		{"192.0.2.9:1", "in:81", "X-Forwarded-Proto: https|X-Forwarded-Host: out|X-Forwarded-Port: 444|Forwarded: proto=https;host=out", "http://in:81"},
		// one proxy
		{"127.0.0.1:1", "out", "X-Forwarded-Proto: https", "https://out"},
		{"127.0.0.1:1", "out", "X-Forwarded-Proto:  HTTPS ", "https://out"},
		{"127.0.0.1:1", "in:81", "X-Forwarded-Host: out", "http://out"},
		{"127.0.0.1:1", "in:81", "X-Forwarded-Host: out:444|X-Forwarded-Proto: https|X-Forwarded-Port: 443", "https://out:444"},
		{"127.0.0.1:1", "in:81", "X-Forwarded-Host: out|X-Forwarded-Proto: https|X-Forwarded-Port: 443", "https://out"},
		{"127.0.0.1:1", "in:81", "X-Forwarded-Host: out|X-Forwarded-Port: 80", "http://out"},
		{"127.0.0.1:1", "in:81", "X-Forwarded-Host: out|X-Forwarded-Port: 8080", "http://out:8080"},
		{"127.0.0.1:1", "out", "X-Forwarded-Port: 8080", "http://out:8080"},
		{"127.0.0.1:1", "", "X-Forwarded-Port: 8080", "http://"},
		{"127.0.0.1:1", "", "X-Forwarded-Host: out", "http://out"},
		{"127.0.0.1:1", "in", "X-Forwarded-Host: 2001:db8::1|X-Forwarded-Port: 8080", "http://[2001:db8::1]:8080"},
		{"127.0.0.1:1", "in", "X-Forwarded-Host: [2001:db8::1]:81", "http://[2001:db8::1]:81"},
		{"[fd00::1]:1", "in", "X-Forwarded-Host: out", "http://out"},
		// what makes no address
		{"127.0.0.1:1", "in", "X-Forwarded-Proto: javascript|X-Forwarded-Host: <b>|X-Forwarded-Port: x", "http://in"},
		{"127.0.0.1:1", "in", "X-Forwarded-Host: out/x|X-Forwarded-Port: 0", "http://in"},
		{"127.0.0.1:1", "in", "X-Forwarded-Host: a@out|X-Forwarded-Port: 65536", "http://in"},
		{"127.0.0.1:1", "in", "X-Forwarded-Host: fe80::1%<b>", "http://in"},
		{"127.0.0.1:1", "in", "X-Forwarded-Host: out:x", "http://in"},
		{"127.0.0.1:1", "in", "X-Forwarded-Host: |X-Forwarded-Proto: ,", "http://in"},
		// lists: as many as there are proxies that keep them
		{"127.0.0.1:1", "in", "X-Forwarded-For: 192.0.2.1|X-Forwarded-Proto: https, http|X-Forwarded-Host: evil, out", "http://out"},
		{"127.0.0.1:1", "in", "X-Forwarded-For: 192.0.2.1, 10.0.0.1|X-Forwarded-Proto: https, http|X-Forwarded-Host: out, mid", "https://out"},
		{"127.0.0.1:1", "in", "X-Forwarded-For: 192.0.2.1, 10.0.0.1|X-Forwarded-Proto: http|X-Forwarded-Proto: https|X-Forwarded-Proto: http", "https://in"},
		{"127.0.0.1:1", "in", "X-Forwarded-For: 192.0.2.1, 10.0.0.1|X-Forwarded-Proto: https", "https://in"},
		{"127.0.0.1:1", "in", "X-Forwarded-For: 10.0.0.9|X-Forwarded-Proto: https, http", "http://in"},
		// the standard's header
		{"127.0.0.1:1", "in", `Forwarded: for=192.0.2.1;proto=https;host=out`, "https://out"},
		{"127.0.0.1:1", "in", `Forwarded: For="[2001:db8::1]:4711" ; Proto = HTTPS ; Host="out:444"`, "https://out:444"},
		{"127.0.0.1:1", "in", `Forwarded: host="o\ut:81"`, "http://out:81"},
		{"127.0.0.1:1", "in", `Forwarded: for="a,b;c\"d";host=out`, "http://out"},
		{"127.0.0.1:1", "in", `Forwarded: host=evil;proto=https, for=192.0.2.1;host=out`, "http://out"},
		{"127.0.0.1:1", "in", `Forwarded: host=evil, for=192.0.2.1;host=out, for=10.0.0.1;host=mid`, "http://out"},
		{"127.0.0.1:1", "in", `Forwarded: for=unknown;host=evil|Forwarded: for=192.0.2.1;host=out`, "http://out"},
		{"127.0.0.1:1", "in", `Forwarded: for=10.0.0.1;host=out`, "http://out"},
		{"127.0.0.1:1", "in", `Forwarded: host="evil|Forwarded: host=out`, "http://out"},
		{"127.0.0.1:1", "in", `Forwarded: host="out`, "http://in"},
		{"127.0.0.1:1", "in", `Forwarded: host="o"ut"`, "http://in"},
		{"127.0.0.1:1", "in", `Forwarded: proto;host, ;,=,`, "http://in"},
		{"127.0.0.1:1", "in", "X-Forwarded-Host: out|Forwarded: host=evil;proto=https", "https://out"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Host = tt.peer, tt.host
		for line := range strings.SplitSeq(tt.headers, "|") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				r.Header.Add(name, value)
			}
		}
		if scheme, host := g.Origin(r); scheme+"://"+host != tt.want {
			t.Errorf("%s asks %q, %q: the client used %s://%s, want %s", tt.peer, tt.host, tt.headers, scheme, host, tt.want)
		}
	}
}

// TestOriginOverTLS: the connection's own, unless a proxy says otherwise.
func TestOriginOverTLS(t *testing.T) {
	g := New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, slog.New(slog.DiscardHandler))
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr, r.TLS = "127.0.0.1:1", &tls.ConnectionState{}
	if scheme, _ := g.Origin(r); scheme != "https" {
		t.Errorf("scheme = %q, want https", scheme)
	}
	r.Header.Set("X-Forwarded-Proto", "http")
	if scheme, _ := g.Origin(r); scheme != "http" {
		t.Errorf("scheme = %q, want http as the proxy says", scheme)
	}
}
