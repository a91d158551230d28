package gateway_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"testing"

	"wrpdistributor/internal/gateway"
)

// TestGatewaysOnOneHostKeepTheirCookies: for a browser they are one place, since cookies
// know no ports. No container gets the token that another gateway gave.
func TestGatewaysOnOneHostKeepTheirCookies(t *testing.T) {
	t.Parallel()
	first, one := newUpstream(t, options{}, describe)
	second, two := newUpstream(t, options{Config: gateway.Config{DatabaseID: "fedcba9876543210"}}, describe)
	jar, err := cookiejar.New(nil)
	must(t, err)
	browser := &http.Client{Jar: jar}
	visit := func(url string) {
		t.Helper()
		resp, err := browser.Get(url)
		must(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		wants(t, url, resp.StatusCode, 200)
		if strings.Contains(string(body), "wrp_session") {
			t.Errorf("WRP gets %q", body)
		}
	}
	visit(first.url + "/s/" + one.Token + "/")
	visit(second.url + "/s/" + two.Token + "/")
	visit(first.url + "/")
	visit(second.url + "/")
}

// TestOldCookieIsReplaced: who came in before the cookie had its name stays in. A cookie
// that may be another gateway's is left alone.
func TestOldCookieIsReplaced(t *testing.T) {
	t.Parallel()
	b, s := newUpstream(t, options{}, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		http.SetCookie(w, &http.Cookie{Name: "wrp", Value: "x"})
	})
	const taken = "wrp_session=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0"
	given := cookieName + "=" + s.Token + "; Path=/; HttpOnly; SameSite=Lax"
	for _, tt := range []struct {
		path, cookies string
		code          int
		set           []string
	}{
		{"/", "wrp_session=" + s.Token, 200, []string{"wrp=x", given, taken}},
		{"/", "wrp_session=" + unknown, 401, nil},
		{"/", cookieName + "=" + s.Token + "; wrp_session=" + s.Token, 200, []string{"wrp=x"}},
		{"/", cookieName + "=" + unknown + "; wrp_session=" + s.Token, 401, nil},
		{"/s/" + s.Token + "/", "wrp_session=" + s.Token, 302, []string{given, taken}},
		{"/s/" + s.Token + "/", "wrp_session=" + unknown, 302, []string{given}},
	} {
		resp := ask(t, "GET", b.url+tt.path, "Cookie: "+tt.cookies)
		wants(t, tt.path+" "+tt.cookies, resp.StatusCode, tt.code)
		set := resp.Header.Values("Set-Cookie")
		slices.Sort(set)
		slices.Sort(tt.set)
		if !slices.Equal(set, tt.set) {
			t.Errorf("%s with %q sets %q, want %q", tt.path, tt.cookies, set, tt.set)
		}
	}
}
