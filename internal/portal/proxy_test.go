package portal_test

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wrpdistributor/internal/portal"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// withWRP gives anna a session whose WRP is a server of the test, which tells what it was
// asked.
func withWRP(t *testing.T, k *servicetest.Kit) {
	t.Helper()
	s, _, err := k.Sessions.Allocate(t.Context(), session.AccountUser("anna", "", 2), false)
	must(t, err)
	ln, err := net.Listen("tcp", net.JoinHostPort(k.Hosts[0].Addr(), "0"))
	must(t, err)
	srv := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "asked for %s of %s, %q %q %q", r.RequestURI, r.Host, r.Header["Authorization"], r.Header["Proxy-Authorization"], r.Header["Cookie"])
	})}}
	srv.Start()
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	_, err = k.DB.ExecContext(t.Context(), k.DB.Rebind("UPDATE sessions SET port = ? WHERE id = ?"), ln.Addr().(*net.TCPAddr).Port, s.ID)
	must(t, err)
}

func proxyBasic(user, password string) string { return "Proxy-" + basic(user, password) }

// TestProxyLooksAtNothingThatIsForOthers: a browser that has us as its proxy says so in a
// header of its own, and what it says to other hosts is theirs.
func TestProxyLooksAtNothingThatIsForOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{Config: portal.Config{Proxy: true}, before: withWRP})
	cookie := b.login("anna")
	theirs := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("me:theirs"))
	for _, tt := range []struct {
		request string
		headers []string
		code    int
		text    string
	}{
		{"GET http://example.org/a?b=c", []string{proxyBasic("anna", password)}, 200, `asked for http://example.org/a?b=c of example.org, [] [] []`},
		{"POST http://example.org/", []string{proxyBasic("anna", password), theirs, "Cookie: a=1; " + loginName + "=x"}, 200,
			`asked for http://example.org/ of example.org, ["` + strings.TrimPrefix(theirs, "Authorization: ") + `"] [] ["a=1"]`},
		{"GET http://example.org/", nil, 407, "Who are you?"},
		{"GET http://example.org/", []string{basic("anna", password)}, 407, "Who are you?"},
		{"GET http://example.org/", []string{cookie}, 407, "Who are you?"},
		{"GET http://example.org/", []string{"Bearer: x"}, 407, "Who are you?"},
		{"GET http://example.org/", []string{proxyBasic("anna", "no")}, 407, "is wrong"},
		{"GET http://example.org/shutdown/", []string{proxyBasic("anna", password)}, 403, "WRP would take this address"},
		{"CONNECT example.org:443", []string{proxyBasic("anna", password)}, 501, "No tunnels"},
		{"CONNECT example.org:443", nil, 501, "No tunnels"},
		{"GET /", []string{proxyBasic("anna", password)}, 401, "Who are you?"},
		{"GET http://wrp.home/~/", []string{proxyBasic("anna", password)}, 200, "You are anna."},
		{"GET http://wrp.home/~/", nil, 401, "Who are you?"},
		{"GET http://WRP.home./~/help", nil, 200, "http://WRP.home./http://example.org/"},
		{"GET http://wrp.home", []string{proxyBasic("anna", password)}, 200, "asked for / of wrp.home"},
		{"GET /proxy.pac", nil, 200, `return "PROXY ` + b.addr + `"`},
	} {
		got := b.ask(tt.request, tt.headers...)
		got.wants(t, fmt.Sprint(tt.request, tt.headers), tt.code, tt.text)
		asks := got.Header.Get("Proxy-Authenticate") != ""
		if asks != (tt.code == 407) || len(got.Cookies()) > 0 {
			t.Errorf("%s %q: %v", tt.request, tt.headers, got.Header)
		}
	}
}

// TestPasswordGoesToNoSessionOfTheCookie: a browser sends what it was asked for with each
// request, also when a link led it into somebody else's session.
func TestPasswordGoesToNoSessionOfTheCookie(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{before: withWRP})
	b.addAccount("bert", 2)
	s, err := b.Sessions.Own(t.Context(), session.AccountUser("anna", "", 2))
	must(t, err)
	entered := "Cookie: a=1; wrp_session_01234567=" + s.Token
	b.ask("GET /", entered, basic("bert", password)).wants(t, "in anna's session", 200, `, [] [] ["a=1"]`)
}

// TestProxyIsOpenToNobody: pages of other hosts need a password, and PORTAL_PROXY.
func TestProxyIsOpenToNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	for _, header := range []string{proxyBasic("anna", password), basic("anna", password), b.login("anna")} {
		b.ask("GET http://example.org/", header).wants(t, header, 400, "no proxy")
	}
	b.ask("GET http://wrp.home/~/", proxyBasic("anna", password)).wants(t, "a page of ours", 401, "")
	b.ask("GET /proxy.pac").wants(t, "proxy.pac", 404, "")
}

// TestPagesOfTheProxyLeadBack: the button on a page of another host is ours, and leads back
// to the address that was asked for.
func TestPagesOfTheProxyLeadBack(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{Config: portal.Config{Proxy: true}, before: withWRP})
	who := proxyBasic("anna", password)
	must(t, b.Sessions.Stop(t.Context(), session.AccountUser("anna", "", 2)))
	page := b.ask("GET http://example.org/a?b=c", who)
	page.wants(t, "ended", 200, `action="http://`+b.addr+`/~/start"`)
	back := b.post("http://"+b.addr+"/~/start", "to="+page.field(t, "to")+"&nonce="+page.field(t, "nonce"), who)
	if got := back.Header.Get("Location"); back.StatusCode != 302 || got != "http://example.org/a?b=c" {
		t.Errorf("the button: %d to %q", back.StatusCode, got)
	}
	b.post("http://"+b.addr+"/~/start", "to=http://evil.example/&nonce="+page.field(t, "nonce"), who).wants(t, "to elsewhere", 403, "")
}

// TestAddressInThePathIsOpened: for browsers that can have no proxy.
func TestAddressInThePathIsOpened(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{})
	got := b.ask("GET /http://example.org/shutdown/?a=b&c", basic("anna", password))
	if to := got.Header.Get("Location"); got.StatusCode != 302 || to != "http://"+b.addr+"/?url=http%3A%2F%2Fexample.org%2Fshutdown%2F%3Fa%3Db%26c" {
		t.Errorf("%d to %q", got.StatusCode, to)
	}
	b.ask("GET "+strings.TrimPrefix(got.Header.Get("Location"), "http://"+b.addr), basic("anna", password)).wants(t, "then", 200, `value="http://example.org/shutdown/?a=b&amp;c"`)
	end := b.ask("GET /shutdown/", basic("anna", password))
	if to := end.Header.Get("Location"); end.StatusCode != 302 || to != "http://"+b.addr+"/~/end" {
		t.Errorf("/shutdown/: %d to %q", end.StatusCode, to)
	}
}
