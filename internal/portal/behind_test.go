package portal_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"wrpdistributor/internal/portal"
	"wrpdistributor/internal/session"
)

// trusting are the options of a portal that believes what this machine forwards.
func trusting(c portal.Config) options {
	return options{Config: c, trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
}

func from(address string) string { return "X-Forwarded-For: " + address }

// TestVisitorsAreCountedByTheirNetwork: of IPv6 that is a /64, which one of them has for
// himself; a proxy that is trusted says whose it is, and nobody else does.
func TestVisitorsAreCountedByTheirNetwork(t *testing.T) {
	t.Parallel()
	b := newBench(t, trusting(portal.Config{Anyone: true, PerAddress: 1}))
	come := func(address string) answer {
		visitor := b.press(from(address))
		return b.ask("GET /", visitor, from(address))
	}
	come("2001:db8:0:1::1").wants(t, "the first", 200, "WRP stand-in")
	come("2001:db8:0:1:ffff::2").wants(t, "another address of the network", 200, "From your address come 1 session already")
	come("2001:db8:0:2::1").wants(t, "another network", 200, "WRP stand-in")
	come("192.0.2.1").wants(t, "IPv4", 200, "WRP stand-in")
	come("::ffff:192.0.2.1").wants(t, "the same, as IPv6 has it", 200, "From your address come 1 session already")
	come("6.6.6.6, 192.0.2.1").wants(t, "the same, which says that it is another", 200, "From your address come 1 session already")
	b.ask("GET /", b.press(from("192.0.2.9")), from("nonsense")).wants(t, "who is nobody", 400, "A proxy on the way does not say who you are.")
	if n := b.rows(session.Running); n != 3 {
		t.Errorf("%d sessions run, want 3", n)
	}
	plain := newBench(t, options{Config: portal.Config{Anyone: true, PerAddress: 1}})
	plain.ask("GET /", plain.press(from("192.0.2.1")), from("192.0.2.1")).wants(t, "without a proxy", 200, "WRP stand-in")
	plain.ask("GET /", plain.press(from("192.0.2.2")), from("192.0.2.2")).wants(t, "who says that it is another", 200, "From your address come 1 session already")
}

// TestCookiesOfTLSAreForTLS: all of them, and addresses are those that the browser knows, if
// a proxy says so that is trusted.
func TestCookiesOfTLSAreForTLS(t *testing.T) {
	t.Parallel()
	tls := []string{"Host: wrp.example", from("192.0.2.1"), "X-Forwarded-Proto: https"}
	for _, trusted := range []bool{true, false} {
		opt := options{}
		if trusted {
			opt = trusting(portal.Config{})
		}
		b := newBench(t, opt)
		page := b.ask("GET /~/login", tls...)
		in := b.post("/~/login", "name=anna&password="+password+"&nonce="+page.field(t, "nonce"), append(tls, page.cookie(t, formName))...)
		wantsSecure(t, "the form", page, trusted)
		wantsSecure(t, "a login", in, trusted)
		want := map[bool]string{true: "https://wrp.example/?again=", false: "http://wrp.example/?again="}[trusted]
		if to := in.Header.Get("Location"); !strings.HasPrefix(to, want) {
			t.Errorf("a login leads to %s, want %s", to, want)
		}
	}
}

// wantsSecure checks that all cookies of an answer are for TLS only, or none, and that no
// script can read them.
func wantsSecure(t *testing.T, what string, a answer, secure bool) {
	t.Helper()
	if len(a.Cookies()) == 0 {
		t.Errorf("%s sets no cookie: %d %s", what, a.StatusCode, a.body)
	}
	for _, c := range a.Cookies() {
		if c.Secure != secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("%s sets %s, want Secure: %t", what, c, secure)
		}
	}
}
