package gateway_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

const tenox7 = "wrp-test-tenox7"

// TestE2EProxyOfTheWeb: the WRP that is a proxy too shows a page of a web server, and where a
// link on it leads, by its own page as ever, and to browsers that have the gateway for their
// proxy. Whatever is asked of it, it is never asked to shut down.
func TestE2EProxyOfTheWeb(t *testing.T) {
	proctest.E2E(t)
	if hoststest.Docker(t, "images", "-q", tenox7) == "" {
		t.Skipf("missing: the image %s (WRP_SOURCE=CLONE scripts/test-images.sh tenox7)", tenox7)
	}
	var token atomic.Value
	opt := options{front: func(g *gateway.Gateway) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Scheme == "" {
				g.ServeHTTP(w, r)
			} else if err := g.Serve(w, r, token.Load().(string), true); err != nil {
				http.Error(w, err.Error(), statusRefused)
			}
		}
	}}
	opt.ReadyTimeout = time.Minute
	b := openRealBench(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{}), hosts.ContainerConfig{Image: tenox7, Memory: 1 << 30, Pids: 512}, opt)
	s := allocate(t, b.Kit, amiga)
	token.Store(s.Token)
	web := hoststest.StartSite(t)

	byPage := func(path string) answer { return ask(t, "GET", b.url+path, "Bearer: "+s.Token) }
	asProxy := func(path string) answer { return b.asProxy(t, "GET", web.URL+path) }

	t.Run("by its page", func(t *testing.T) { clickOn(t, web, "/?url="+url.QueryEscape(web.URL+"/"), byPage) })
	t.Run("as a proxy", func(t *testing.T) {
		link := clickOn(t, web, "/", asProxy)
		if link.StatusCode != 302 || link.Header.Get("Location") != web.URL+"/second" {
			t.Errorf("the link leads to %d %q", link.StatusCode, link.Header.Get("Location"))
		}
		if a := asProxy("/second"); a.StatusCode != 200 || !strings.Contains(a.body, "<TITLE>"+web.URL+"/second</TITLE>") {
			t.Errorf("there: %d %q", a.StatusCode, a.body)
		}
		wants(t, "POST", b.asProxy(t, "POST", web.URL+"/form").StatusCode, 200)
		if a := b.asProxy(t, "HEAD", web.URL+"/second"); a.StatusCode != 200 || a.body != "" {
			t.Errorf("HEAD: %d %q", a.StatusCode, a.body)
		}
	})
	t.Run("is not shut down", func(t *testing.T) {
		for _, path := range []string{"/shutdown", "/shutdown/", "//shutdown/", "/x/../shutdown/", "/%73hutdown/", "/%2573hutdown/", "/shutdown%2F"} {
			for _, host := range []string{"", web.URL, "http://127.0.0.1:8080", "http://localhost"} {
				b.asProxy(t, "GET", host+path)
				b.asProxy(t, "POST", host+path)
			}
			wants(t, path, asProxy(path).StatusCode, statusRefused)
		}
		wants(t, "a page whose name has it elsewhere", asProxy("/wiki/shutdown/").StatusCode, 200)
		wants(t, "a page of that name, by WRP's own", byPage("/?url="+url.QueryEscape(web.URL+"/shutdown/")).StatusCode, 200)
		if !web.Was("/wiki/shutdown/") || !web.Was("/shutdown/") {
			t.Error("they were not opened")
		}
		if strings.Contains(hoststest.Docker(t, "logs", s.ContainerID), "Shutdown Request") {
			t.Error("WRP was asked to shut down")
		}
	})
	if web.Got("Basic") || web.Got(s.Token) {
		t.Error("the web server was told who somebody is")
	}
}

// asProxy asks as a browser of 1995 does that has the gateway for its proxy.
func (b *bench) asProxy(t *testing.T, method, target string) answer {
	t.Helper()
	_, r := b.raw(t, method+" "+target+" HTTP/1.0\r\nProxy-Connection: Keep-Alive\r\nUser-Agent: Mozilla/2.0\r\nProxy-Authorization: Basic c2VjcmV0\r\nContent-Length: 0\r\n\r\n")
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	must(t, err)
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return answer{resp, string(body)}
}

var drawn = regexp.MustCompile(`<A HREF="(/map/[^"]+)">\s*<IMG SRC="(/img/[^"]+)"`)

// clickOn opens the site's page, sees that it was drawn, and clicks on it until the browser
// in the container has followed the link. It returns the answer to that click.
func clickOn(t *testing.T, web *hoststest.Site, page string, get func(path string) answer) (link answer) {
	t.Helper()
	web.Forget()
	eventually(t, "the link is followed", func() bool {
		a := get(page)
		m := drawn.FindStringSubmatch(a.body)
		if a.StatusCode != 200 || m == nil {
			t.Fatalf("the page: %d %q", a.StatusCode, a.body)
		}
		if image := get(m[2]); image.Header.Get("Content-Type") != "image/gif" || !strings.HasPrefix(image.body, "GIF8") {
			t.Fatalf("its image: %d %v", image.StatusCode, image.Header)
		}
		link = get(m[1] + "?100,100")
		return web.Was("/second")
	})
	return link
}
