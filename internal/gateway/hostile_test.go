package gateway_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestContainerSetsNoCookieOfOurs: what a container answers, whatever became of its host,
// puts no browser into another session. Its own cookies are its own business.
func TestContainerSetsNoCookieOfOurs(t *testing.T) {
	t.Parallel()
	b, s := newUpstream(t, options{}, func(w http.ResponseWriter, _ *http.Request) {
		for _, line := range []string{
			"a=1", cookieName + "=x", " " + cookieName + " =x; Path=/", "=" + cookieName + "=x", "wrp_session=x", "wrp_session_fedcba98=x", "wrp_login_01234567=x", "wrp=2",
		} {
			w.Header().Add("Set-Cookie", line)
		}
	})
	resp := ask(t, "GET", b.url+"/", "Cookie: "+cookieName+"="+s.Token)
	wants(t, "a page", resp.StatusCode, 200)
	if set := resp.Header.Values("Set-Cookie"); !slices.Equal(set, []string{"a=1", "wrp=2"}) {
		t.Errorf("the container sets %q, want a=1 and wrp=2 only", set)
	}
}

// TestNothingOutlivesTheSession in a browser that has been at the gateway's address.
func TestNothingOutlivesTheSession(t *testing.T) {
	t.Parallel()
	lasting := map[string]string{
		"Strict-Transport-Security": "max-age=31536000", "Alt-Svc": `h2="elsewhere.example:443"`, "Clear-Site-Data": `"*"`,
		"Service-Worker-Allowed": "/", "NEL": `{"report_to":"x"}`, "Report-To": "{}",
	}
	b, s := newUpstream(t, options{}, func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range lasting {
			w.Header().Set(name, value)
		}
		w.Header().Set("X-Of-The-Page", "y")
	})
	resp := ask(t, "GET", b.url+"/", "Bearer: "+s.Token)
	wants(t, "a page", resp.StatusCode, 200)
	for name := range lasting {
		if got := resp.Header.Get(name); got != "" {
			t.Errorf("the container sets %s to %q", name, got)
		}
	}
	if resp.Header.Get("X-Of-The-Page") != "y" {
		t.Error("what concerns the page alone is taken out")
	}
	resp = ask(t, "GET", b.url+"/worker.js", "Bearer: "+s.Token+"|Service-Worker: script")
	wants(t, "a script that goes on", resp.StatusCode, 403)
}

// TestLongHeaderOfContainerIsNoAnswer: there is no room for 10 MB of each answer.
func TestLongHeaderOfContainerIsNoAnswer(t *testing.T) {
	t.Parallel()
	b, s := newUpstream(t, options{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
	})
	resp := ask(t, "GET", b.url+"/", "Bearer: "+s.Token)
	wants(t, "a page with a header of 1 MB", resp.StatusCode, 502)
}

// TestTrailersOfAContainerAreForNobody: they would come past all that looks at headers.
func TestTrailersOfAContainerAreForNobody(t *testing.T) {
	t.Parallel()
	b, s := newUpstream(t, options{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "Strict-Transport-Security")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "page") // fails if the gateway has left
		w.(http.Flusher).Flush()
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		w.Header().Set(http.TrailerPrefix+"Set-Cookie", "wrp=x")
	})
	resp := ask(t, "GET", b.url+"/", "Bearer: "+s.Token)
	wants(t, "a page", resp.StatusCode, 200)
	if resp.body != "page" {
		t.Errorf("it is %q", resp.body)
	}
	if len(resp.Trailer) > 0 {
		t.Errorf("after it comes %v", resp.Trailer)
	}
}
