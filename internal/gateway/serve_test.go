package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

const statusRefused = 418 // what a front answers in place of a page of its own

// proxying puts a front before the gateway that takes everybody for the session's client
// and for one whose proxy this is.
func (s *simulation) proxying() {
	s.front = func(w http.ResponseWriter, r *http.Request) { s.served(w, r, s.token, r.URL.Scheme != "") }
}

// served answers an error with its text.
func (s *simulation) served(w http.ResponseWriter, r *http.Request, token string, proxied bool) {
	if err := s.gw.Serve(w, r, token, proxied); err != nil {
		http.Error(w, err.Error(), statusRefused)
	}
}

// fails makes the container's port refuse connections.
func (s *simulation) fails() {
	s.gw.SetDial(func(context.Context, string, int) (net.Conn, error) { return nil, errors.New("connection refused") })
}

// say sends a request and returns the answer to it.
func (s *simulation) say(t *testing.T, method, request string) answer {
	t.Helper()
	nc, r := s.raw(t, request)
	defer nc.Close()
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	must(t, err)
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return answer{resp, string(body)}
}

// TestContainerGetsNothingOfPeople: neither what says who they are, nor what is said to
// the proxy; and as a proxy not the session's token, which it could pass on.
func TestContainerGetsNothingOfPeople(t *testing.T) {
	t.Parallel()
	const (
		ours  = "Cookie: a=1; wrp_session_01234567=x; wrp_login_01234567=x; wrp_session=x; b=2\r\n"
		proxy = "Proxy-Authorization: Basic c2VjcmV0\r\nProxy-Connection: Keep-Alive, X-Hop\r\nConnection: X-Hop\r\nKeep-Alive: 9\r\nX-Hop: 1\r\nForwarded: for=x\r\nX-Forwarded-For: 1.2.3.4\r\n"
		basic = "Authorization: Basic c2VjcmV0\r\n"
	)
	for _, tt := range []struct{ target, headers, got, not string }{
		{"/a?b", ours + proxy + basic, `^GET /a\?b x\n(?s).*Bearer: TOKEN\r\n.*Cookie: a=1; b=2\r\n`, "(?i)wrp_|authorization|proxy|keep|hop|forwarded"},
		{"/", "Authorization: Bearer secret\r\nBearer: secret\r\n", "Bearer: TOKEN\r\n", "secret|Authorization"},
		{"http://a.example/", ours + proxy, `^GET http://a.example/ a.example\n(?s).*Cookie: a=1; b=2\r\n`, "(?i)wrp_|authorization|proxy|keep|hop|forwarded|bearer|TOKEN"},
		{"http://a.example/", "Bearer: secret\r\n" + basic, "Authorization: Basic c2VjcmV0\r\n", "(?i)bearer"}, // the page's
	} {
		simulate(t, gateway.Config{}, describe, func(t *testing.T, s *simulation) {
			s.proxying()
			a := s.say(t, "GET", "GET "+tt.target+" HTTP/1.1\r\nHost: x\r\n"+tt.headers+"\r\n")
			got := strings.ReplaceAll(a.body, s.token, "TOKEN")
			if a.StatusCode != 200 || !regexp.MustCompile(tt.got).MatchString(got) || regexp.MustCompile(tt.not).MatchString(got) {
				t.Errorf("%s with %q: %d, WRP gets %q, want %q and not %q", tt.target, tt.headers, a.StatusCode, got, tt.got, tt.not)
			}
		})
	}
}

// TestProxiedAddresses: what a container is asked for as a proxy.
func TestProxiedAddresses(t *testing.T) {
	t.Parallel()
	const noPage = "the request does not name a page"
	simulate(t, gateway.Config{Address: "gateway.example:8080"}, describe, func(t *testing.T, s *simulation) {
		s.front = func(w http.ResponseWriter, r *http.Request) { s.served(w, r, s.token, true) }
		for _, tt := range []struct{ request, got string }{
			{"GET http://a.example/x?y=1", "GET http://a.example/x?y=1 a.example"},
			{"GET http://a.example", "GET http://a.example/ a.example"},
			{"GET http://a.example?x", "GET http://a.example/?x a.example"},
			{"GET HTTP://A.example:81/%7e%2F;a?", "GET http://A.example:81/%7e%2F;a? A.example:81"},
			{"GET http://a.example/?a=%zz;b", "GET http://a.example/?a=%zz;b a.example"},
			{"GET http://a.example//x/../y", "GET http://a.example//x/../y a.example"},
			{"GET https://a.example/", "GET https://a.example/ a.example"},
			{"GET http://name:word@a.example/", "GET http://name:word@a.example/ a.example"},
			{"GET http://[::1]:81/", "GET http://[::1]:81/ [::1]:81"},
			{"GET http://gateway.example:8080/s/x/", "GET http://gateway.example:8080/s/x/ gateway.example:8080"},
			{"GET http://a.example/x#y", "GET http://a.example/x%23y a.example"},
			{"OPTIONS http://a.example/", "OPTIONS http://a.example/ a.example"},
			{"GET http://a.example/wiki/shutdown/", "GET http://a.example/wiki/shutdown/ a.example"},
			{"GET http://a.example/?/shutdown/", "GET http://a.example/?/shutdown/ a.example"},
			{"GET http://a.example/shutdowns/", "GET http://a.example/shutdowns/ a.example"},
			{"GET http://a.example/shutdown/?a=b", "address that shuts the container down"},
			{"POST http://a.example/x/../shutdown", "address that shuts the container down"},
			{"GET /", noPage},
			{"GET http:///", noPage},
			{"GET ftp://a.example/", noPage},
			{"GET http://a.example/%00", noPage},
			{"GET http://m\xfcller.example/", noPage},
			{"CONNECT a.example:443", noPage},
			{"CONNECT http://a.example/", noPage},
		} {
			a := s.say(t, "GET", tt.request+" HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			if got, _, _ := strings.Cut(a.body, "\n"); got != tt.got {
				t.Errorf("%q: %d %q, want %q", tt.request, a.StatusCode, got, tt.got)
			}
		}
	})
}

// TestProxiedShutdownNeverPasses: WRP's server looks at the path of an address alone, and
// leads from one spelling to another.
func TestProxiedShutdownNeverPasses(t *testing.T) {
	t.Parallel()
	wrp := http.NewServeMux()
	wrp.HandleFunc("/shutdown/", func(http.ResponseWriter, *http.Request) { t.Error("the container was shut down") })
	wrp.HandleFunc("/", echo)
	simulate(t, gateway.Config{}, wrp.ServeHTTP, func(t *testing.T, s *simulation) {
		s.proxying()
		for _, path := range []string{
			"/shutdown", "/shutdown/", "/shutdown/?x", "/shutdown?", "//shutdown/", "/./shutdown/", "/%2e/shutdown/", "/x/../shutdown/",
			"/x/%2e%2e/shutdown/", "/shutdown/more", "/%73hutdown/", "/%2573hutdown/", "/%25252573hutdown/", "/shutdown%2F", "/%2Fshutdown/",
			"/SHUTDOWN/", "/shutdown;x/", "/shutdown%20/", `/x\..\shutdown/`, "/#/../shutdown/", "/shutdown//", "/shutdowns/../shutdown/",
		} {
			for _, host := range []string{"", "http://a.example", "http://session-1.invalid:8080"} {
				for _, method := range []string{"GET", "POST", "CONNECT"} {
					target := host + path
					for range 3 { // a client follows where it is led
						a := s.say(t, method, method+" "+target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
						to, err := a.Location()
						if err != nil {
							break
						}
						target = host + to.RequestURI()
					}
				}
			}
		}
	})
}

// TestClientsOfProxy: what browsers of different ages say to a proxy, and how they tell
// the end of an answer.
func TestClientsOfProxy(t *testing.T) {
	t.Parallel()
	wrp := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("If-Modified-Since") != "":
			w.WriteHeader(http.StatusNotModified)
		case r.Method == http.MethodPost:
			_, _ = io.Copy(w, r.Body)
		case strings.HasSuffix(r.URL.Path, "/chunked"):
			_ = http.NewResponseController(w).Flush()
			fallthrough
		default:
			w.Header().Set("Proxy-Connection", "keep-alive")
			fmt.Fprint(w, r.Method, " ", r.RequestURI)
		}
	}
	const site, netscape = "http://a.example", "Proxy-Connection: Keep-Alive\r\nUser-Agent: Mozilla/2.0\r\n"
	for _, tt := range []struct {
		name, method, target, proto, headers, body string // of the request
		code                                       int
		want                                       string
		length                                     int64
		stays                                      bool // the connection
	}{
		{"HTTP/1.0", "GET", "/", "1.0", "", "", 200, "GET http://a.example/", 21, false},
		{"HTTP/1.0 that keeps connections with proxies", "GET", "/", "1.0", netscape, "", 200, "GET http://a.example/", 21, false},
		{"HTTP/1.0 that keeps connections", "GET", "/", "1.0", "Connection: Keep-Alive\r\n", "", 200, "GET http://a.example/", 21, true},
		{"HTTP/1.0, chunked", "GET", "/chunked", "1.0", "Connection: Keep-Alive\r\n", "", 200, "GET http://a.example/chunked", -1, false},
		{"HTTP/1.1", "GET", "/", "1.1", netscape, "", 200, "GET http://a.example/", 21, true},
		{"HTTP/1.1, chunked", "GET", "/chunked", "1.1", "", "", 200, "GET http://a.example/chunked", -1, true},
		{"HTTP/1.1 that ends", "GET", "/", "1.1", "Connection: close\r\n", "", 200, "GET http://a.example/", 21, false},
		{"a form", "POST", "/form", "1.0", netscape + "Content-Length: 7\r\n", "a=b&c=d", 200, "a=b&c=d", 7, false},
		{"a form in chunks", "POST", "/form", "1.1", "Transfer-Encoding: chunked\r\n", "3\r\na=b\r\n0\r\n\r\n", 200, "a=b", 3, true},
		{"HEAD", "HEAD", "/", "1.0", "", "", 200, "", 22, false},
		{"HEAD that keeps connections", "HEAD", "/", "1.1", "", "", 200, "", 22, true},
		{"a page that has not changed", "GET", "/", "1.0", "Pragma: no-cache\r\nIf-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT\r\n", "", 304, "", 0, false},
		{"one that stays", "GET", "/", "1.1", "If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT\r\n", "", 304, "", 0, true},
	} {
		simulate(t, gateway.Config{}, wrp, func(t *testing.T, s *simulation) {
			s.proxying()
			request := tt.method + " " + site + tt.target + " HTTP/" + tt.proto + "\r\n" + "Host: a.example\r\n" + tt.headers + "\r\n" + tt.body
			nc, r := s.raw(t, request)
			defer nc.Close()
			resp, err := http.ReadResponse(r, &http.Request{Method: tt.method})
			must(t, err)
			body, err := io.ReadAll(resp.Body)
			must(t, err)
			if resp.StatusCode != tt.code || string(body) != tt.want || resp.ContentLength != tt.length {
				t.Errorf("%s: %d %q of length %d, want %d %q of %d", tt.name, resp.StatusCode, body, resp.ContentLength, tt.code, tt.want, tt.length)
			}
			if resp.Header.Get("Proxy-Connection") != "" || tt.proto == "1.0" && len(resp.TransferEncoding) > 0 {
				t.Errorf("%s: headers %v %v", tt.name, resp.Header, resp.TransferEncoding)
			}
			again := make(chan error, 1)
			go func() { _, err := io.WriteString(nc, request); again <- err }()
			_, err = r.ReadByte()
			if stays := err == nil; stays != tt.stays {
				t.Errorf("%s: the connection stays = %t, want %t (%v)", tt.name, stays, tt.stays, err)
			}
			nc.Close()
			<-again
		})
	}
}

// TestServeLeavesRefusalsToItsCaller: nothing is written, and it is never for the client to
// log in again.
func TestServeLeavesRefusalsToItsCaller(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		token string
		fail  func(t *testing.T, s *simulation)
		want  error
		code  int // what Explain says
	}{
		{"a token of no session", unknown, nil, gateway.ErrEnded, 410},
		{"no token", "", nil, gateway.ErrEnded, 410},
		{"ended", known, func(_ *testing.T, s *simulation) { s.sessions.remove(1) }, gateway.ErrEnded, 410},
		{"died meanwhile", known, func(_ *testing.T, s *simulation) {
			s.sessions.repair = func(_ context.Context, gone func()) error { gone(); return nil }
			s.fails()
		}, gateway.ErrEnded, 410},
		{"no database", unknown, func(_ *testing.T, s *simulation) { s.sessions.setDown(true) }, gateway.ErrUnavailable, 503},
		{"nobody says that it runs", known, func(_ *testing.T, s *simulation) { s.sessions.confirm = errDown }, gateway.ErrUnavailable, 503},
		{"no host", known, func(_ *testing.T, s *simulation) {
			s.sessions.repair = func(context.Context, func()) error { return hosts.ErrUnreachable }
			s.fails()
		}, gateway.ErrUnreachable, 502},
		{"no answer", known, func(_ *testing.T, s *simulation) { s.fails() }, gateway.ErrNoAnswer, 502},
		{"shutting down", known, func(t *testing.T, s *simulation) { s.gw.Drain(t.Context()) }, gateway.ErrClosing, 503},
	} {
		simulate(t, gateway.Config{}, describe, func(t *testing.T, s *simulation) {
			var got error
			s.front = func(w http.ResponseWriter, r *http.Request) {
				got = s.gw.Serve(w, r, tt.token, true)
				w.WriteHeader(statusRefused)
			}
			if tt.fail != nil {
				tt.fail(t, s)
			}
			a := s.say(t, "GET", "GET http://a.example/ HTTP/1.0\r\n\r\n")
			if code, sentence, _ := gateway.Explain(got); !errors.Is(got, tt.want) || code != tt.code || sentence == "" {
				t.Errorf("%s: %v, explained with %d %q; want %v and %d", tt.name, got, code, sentence, tt.want, tt.code)
			}
			if a.StatusCode != statusRefused || a.body != "" || a.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s: the caller's answer is %d %v %q", tt.name, a.StatusCode, a.Header, a.body)
			}
			if s.log.count(fmt.Sprintf("status=%d", tt.code)) != 1 {
				t.Errorf("%s: the log does not have it", tt.name)
			}
		})
	}
}

// TestServedAnswerThatIsCut: it does not look complete, and nobody writes into it.
func TestServedAnswerThatIsCut(t *testing.T) {
	t.Parallel()
	simulate(t, gateway.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "half a ")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}, func(t *testing.T, s *simulation) {
		s.proxying()
		_, r := s.raw(t, "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n")
		resp, err := http.ReadResponse(r, nil)
		must(t, err)
		if body, err := io.ReadAll(resp.Body); err == nil || string(body) != "half a " {
			t.Errorf("%q, %v; want the half that there was, and an error", body, err)
		}
	})
}

// TestServedRequestIsUse: of the session, which is unfrozen by it.
func TestServedRequestIsUse(t *testing.T) {
	t.Parallel()
	simulate(t, gateway.Config{}, describe, func(t *testing.T, s *simulation) {
		s.proxying()
		s.sessions.freeze(1)
		wants(t, "a frozen session", s.say(t, "GET", "GET http://a.example/ HTTP/1.0\r\n\r\n").StatusCode, 200)
		if s.sessions.frozen(1) || len(s.sessions.written()) == 0 {
			t.Error("it is frozen still, or its use was not written down")
		}
	})
}

// TestWhichTokensLive: cookies are looked at without a request to a container.
func TestWhichTokensLive(t *testing.T) {
	t.Parallel()
	simulate(t, gateway.Config{}, describe, func(t *testing.T, s *simulation) {
		s.sessions.put(session.Session{ID: 2, State: session.Running, Host: "host0", Gateway: true, Token: "elsewhere"})
		for token, want := range map[string]bool{known: true, unknown: false, "": false, "elsewhere": true} {
			if lives, err := s.gw.Lives(t.Context(), token); lives != want || err != nil {
				t.Errorf("%q lives = %t, %v; want %t", token, lives, err, want)
			}
		}
		s.gw.Stopping(t.Context(), 1)
		if lives, err := s.gw.Lives(t.Context(), known); lives || err != nil {
			t.Errorf("a session that ended lives = %t, %v", lives, err)
		}
		s.sessions.setDown(true)
		if _, err := s.gw.Lives(t.Context(), "other"); !errors.Is(err, gateway.ErrUnavailable) {
			t.Errorf("without a database: %v, want ErrUnavailable", err)
		}
		synctest.Wait()
	})
	for cookies, want := range map[string]string{
		"": "", "a=b": "", cookieName + "=x": "x", "wrp_session=y": "y", "wrp_session=y; " + cookieName + "=x": "x", "wrp_session_other=z": "", "wrp_login_01234567=w": "",
	} {
		g := gateway.New(gateway.Config{DatabaseID: databaseID, Pool: &hosts.Pool{}})
		if got := g.CookieToken(&http.Request{Header: http.Header{"Cookie": {cookies}}}); got != want {
			t.Errorf("token of %q = %q, want %q", cookies, got, want)
		}
	}
}
