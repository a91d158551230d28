package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/session"
)

// describe answers with the request that it got.
func describe(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s %s %s\n", r.Method, r.RequestURI, r.Host)
	_ = r.Header.Write(w)
}

const unknown = "0123456789012345678901234567890123456789"

// TestOneTokenOfRequestCounts: which one of several, and what WRP gets of the
// request.
func TestOneTokenOfRequestCounts(t *testing.T) {
	const bearer, basic, cookie = "Bearer: TOKEN|", "Authorization: Basic abc|", "Cookie: a=1; " + cookieName + "=TOKEN; b=\"2\"|"
	for _, tt := range []struct {
		headers string
		code    int
		got     string // regular expression for what WRP got, which has TOKEN for the token
		not     string // the same for what it must not get
	}{
		{bearer, 200, "(?m)^Bearer: TOKEN\r$", ""},
		{"Bearer:  TOKEN |", 200, "(?m)^Bearer: TOKEN\r$", ""},
		{"Bearer: wrong|" + bearer, 200, "(?m)^Bearer: TOKEN\r$", "wrong"},
		{bearer + "Bearer: " + unknown + "|", 401, "", ""},
		{"Bearer: " + unknown + "|Authorization: Bearer TOKEN|" + cookie, 401, "", ""},
		{"Bearer: |" + cookie, 401, "", ""},
		{"Authorization: Bearer TOKEN|", 200, "(?m)^Bearer: TOKEN\r$", "Authorization"},
		{"Authorization: bearer  TOKEN|", 200, "(?m)^Bearer: TOKEN\r$", "Authorization"},
		{"Authorization: Bearer " + unknown + "|" + cookie, 401, "", ""},
		{basic, 401, "", ""},
		{basic + bearer, 200, "Authorization: Basic abc", ""},
		{basic + cookie, 200, "Authorization: Basic abc", "wrp_session"},
		{bearer + "Authorization: Bearer other|", 200, "Authorization: Bearer other", ""},
		{cookie, 200, "(?s)Bearer: TOKEN\r.*Cookie: a=1; b=\"2\"\r", "wrp_session"},
		{"Cookie: " + cookieName + "=TOKEN|", 200, "Bearer: TOKEN", "Cookie"},
		{"Cookie: x=y|" + cookie, 200, "(?s)Cookie: x=y\r\nCookie: a=1; b=\"2\"\r", "wrp_session"},
		{"Cookie: " + cookieName + "=" + unknown + "|", 401, "", ""},
		{"", 401, "", ""},
		{bearer + "X-Forwarded-For: 1.2.3.4|X-Forwarded-Proto: https|X-Forwarded-Port: 1|Forwarded: for=x|", 200, "", "(?i)forwarded"},
		{bearer + "Connection: Upgrade, X-Hop|Upgrade: websocket|X-Hop: 1|Keep-Alive: 9|X-End: 1|", 200, "X-End: 1", "(?i)upgrade|x-hop|keep-alive|connection"},
		{bearer + "User-Agent: AmiFox 1.0|Accept-Language: de|", 200, "User-Agent: AmiFox 1.0", "Accept-Encoding"},
		{bearer, 200, "^GET /map/1.map\\?10,20;a=%zz retro.example:81\n", "User-Agent"},
	} {
		simulate(t, gateway.Config{}, describe, func(t *testing.T, s *simulation) {
			headers := strings.ReplaceAll(strings.ReplaceAll(tt.headers, "|", "\r\n"), "TOKEN", s.token)
			_, r := s.raw(t, "GET /map/1.map?10,20;a=%zz HTTP/1.1\r\nHost: retro.example:81\r\nAccept: */*\r\n"+headers+"\r\n")
			resp, err := http.ReadResponse(r, nil)
			must(t, err)
			text, err := io.ReadAll(resp.Body)
			must(t, err)
			got := strings.ReplaceAll(string(text), s.token, "TOKEN")
			if resp.StatusCode != tt.code || !regexp.MustCompile(tt.got).MatchString(got) || tt.not != "" && regexp.MustCompile(tt.not).MatchString(got) {
				t.Errorf("%q is answered %d %q, want %d, WRP getting %q and not %q", tt.headers, resp.StatusCode, got, tt.code, tt.got, tt.not)
			}
			if s.log.count(s.token) > 0 || s.log.count(unknown) > 0 {
				t.Error("the log has a token")
			}
		})
	}
}

// TestHTTP10WithoutHostGetsOne: WRP is told the gateway's address.
func TestHTTP10WithoutHostGetsOne(t *testing.T) {
	t.Parallel()
	b, s := newUpstream(t, options{Config: gateway.Config{Address: "gateway.example:8080"}}, describe)
	_, r := b.raw(t, "GET / HTTP/1.0\r\nBearer: "+s.Token+"\r\n\r\n")
	text, err := io.ReadAll(r)
	must(t, err)
	head, body, _ := strings.Cut(string(text), "\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.0 200 OK\r\n") || strings.Contains(head, "chunked") || !strings.HasPrefix(body, "GET / gateway.example:8080\n") {
		t.Errorf("HTTP/1.0 is answered %q", text)
	}
}

// TestLineEndsAfterBodiesDoNoHarm: browsers of Netscape's age send them after a form, and
// go on with the same connection.
func TestLineEndsAfterBodiesDoNoHarm(t *testing.T) {
	t.Parallel()
	b, s := newUpstream(t, options{}, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	request := "Host: x\r\nBearer: " + s.Token + "\r\nContent-Length: 4\r\n\r\na=b\r"
	nc, r := b.raw(t, "")
	for _, method := range []string{"POST", "PUT", "GET", "PUT"} {
		_, err := io.WriteString(nc, method+" / HTTP/1.1\r\n"+request)
		must(t, err)
		resp, err := http.ReadResponse(r, nil)
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		if resp.StatusCode != 200 || string(body) != "a=b\r" {
			t.Errorf("%s is answered %d %q", method, resp.StatusCode, body)
		}
		_, err = io.WriteString(nc, "\r\n")
		must(t, err)
	}
}

// TestShutdownNeverPasses has every spelling of the one path that ends a
// container, and some that only look like it.
func TestShutdownNeverPasses(t *testing.T) {
	t.Parallel()
	b, s := newUpstream(t, options{}, describe)
	for path, code := range map[string]int{
		"/shutdown":                        403,
		"/shutdown/":                       403,
		"/shutdown/?x=1":                   403,
		"/shutdown?":                       403,
		"//shutdown/":                      403,
		"///shutdown//":                    403,
		"/./shutdown/":                     403,
		"/%2e/shutdown/":                   403,
		"/x/../shutdown/":                  403,
		"/x/%2e%2e/shutdown/":              403,
		"/shutdown/../x":                   403,
		"/shutdown/%2e%2e/x":               403,
		"/shutdown/more":                   403,
		"/%73hutdown/":                     403,
		"/%2573hutdown/":                   403,
		"/%25252573hutdown/":               403,
		"/shutdown%2F":                     403,
		"/%2Fshutdown/":                    403,
		"/x%2F..%2Fshutdown/":              403,
		"/SHUTDOWN/":                       403,
		"/ShutDown":                        403,
		"/shutdown;x/":                     403,
		"/shutdown%20/":                    403,
		`/x\..\shutdown/`:                  403,
		"/":                                200,
		"/?url=http://a.example/shutdown/": 200,
		"/shutdowns/":                      200,
		"/img/shutdown.gif":                200,
		"/100%25":                          200,
		"/%25zz":                           200,
	} {
		for _, method := range []string{"GET", "POST", "HEAD", "DELETE", "OPTIONS", "BREW"} {
			nc, r := b.raw(t, method+" "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nBearer: "+s.Token+"\r\n\r\n")
			resp, err := http.ReadResponse(r, &http.Request{Method: method})
			must(t, err)
			wants(t, method+" "+path, resp.StatusCode, code)
			resp.Body.Close()
			nc.Close()
		}
	}
	nc, r := b.raw(t, "CONNECT /shutdown/ HTTP/1.1\r\nHost: x\r\nBearer: "+s.Token+"\r\n\r\n")
	defer nc.Close()
	line, err := r.ReadString('\n')
	if err != nil || !strings.Contains(line, " 405 ") {
		t.Errorf("CONNECT is answered %q, %v", line, err)
	}
}

// TestEntranceGivesCookie: a plain browser gets in by an address, and stays in by a
// cookie.
func TestEntranceGivesCookie(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{Config: gateway.Config{Address: "gateway.example:8080"}})
	s := allocate(t, b.Kit, amiga)
	gone := allocate(t, b.Kit, session.Client{IP: "192.0.2.2", UserAgent: "x"})
	must(t, b.Sessions.Stop(t.Context(), session.Client{IP: "192.0.2.2", UserAgent: "x"}))
	for _, tt := range []struct {
		request, code, location string
	}{
		{"GET /s/" + s.Token + "/ HTTP/1.1\r\nHost: retro:81", "302", "http://retro:81/"},
		{"GET /s/" + s.Token + " HTTP/1.1\r\nHost: retro:81", "302", "http://retro:81/"},
		{"HEAD /s/" + s.Token + "/?x=y HTTP/1.1\r\nHost: retro:81", "302", "http://retro:81/"},
		{"GET /s/" + s.Token + "/ HTTP/1.0", "302", "http://gateway.example:8080/"},
		{"GET /s/" + s.Token + "/ HTTP/1.0\r\nBearer: " + unknown, "302", "http://gateway.example:8080/"},
		{"GET /s/" + unknown + "/ HTTP/1.1\r\nHost: x\r\nBearer: " + s.Token, "401", ""},
		{"GET /s/ HTTP/1.1\r\nHost: x\r\nBearer: " + s.Token, "401", ""},
		{"GET /s/" + s.Token + "/more HTTP/1.1\r\nHost: x", "401", ""},
		{"GET /s/" + gone.Token + "/ HTTP/1.1\r\nHost: x", "410", ""},
		{"POST /s/" + s.Token + "/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0", "405", ""},
	} {
		nc, r := b.raw(t, tt.request+"\r\nConnection: close\r\n\r\n")
		answer, err := io.ReadAll(r)
		must(t, err)
		nc.Close()
		resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(answer))), &http.Request{Method: tt.request[:strings.Index(tt.request, " ")]})
		must(t, err)
		if got := fmt.Sprint(resp.StatusCode); got != tt.code || resp.Header.Get("Location") != tt.location {
			t.Errorf("%s is answered %s to %q, want %s to %q", tt.request, got, resp.Header.Get("Location"), tt.code, tt.location)
		}
		if tt.code != "302" {
			if resp.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s: gets a cookie", tt.request)
			}
			continue
		}
		if got, want := resp.Header.Get("Set-Cookie"), cookieName+"="+s.Token+"; Path=/; HttpOnly; SameSite=Lax"; got != want {
			t.Errorf("%s: cookie %q, want %q", tt.request, got, want)
		}
		if resp.Header.Get("Referrer-Policy") != "no-referrer" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", tt.request, resp.Header)
		}
	}
	wants(t, "with the cookie", ask(t, "GET", b.url+"/", "Cookie: "+cookieName+"="+s.Token).StatusCode, 200)
	if b.log.count(s.Token) > 0 || b.log.count(unknown) > 0 || b.log.count("/s/") > 0 {
		t.Error("the log has a token or its path")
	}
}

// TestEntranceOverTLSIsSecure: the cookie and the address are for TLS too.
func TestEntranceOverTLSIsSecure(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{tls: true})
	s := allocate(t, b.Kit, amiga)
	req, err := http.NewRequestWithContext(t.Context(), "GET", b.url+"/s/"+s.Token+"/", http.NoBody)
	must(t, err)
	resp, err := b.client.Transport.RoundTrip(req)
	must(t, err)
	resp.Body.Close()
	if got := resp.Header.Get("Set-Cookie"); !strings.Contains(got, "; Secure") || resp.Header.Get("Location") != b.url+"/" {
		t.Errorf("cookie %q, location %q", got, resp.Header.Get("Location"))
	}
}

// TestEntranceKeepsAddressOfClient: behind a proxy that speaks TLS, and for clients of
// HTTP/1.0 that name no host.
func TestEntranceKeepsAddressOfClient(t *testing.T) {
	t.Parallel()
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	named := gateway.Config{Address: "gateway.example:8080", TLSAddress: "gateway.example:8443"}
	for _, tt := range []struct {
		opt      options
		headers  string // separated by |
		location string // ADDRESS stands for that of the gateway
		secure   bool
	}{
		{options{}, "", "http://ADDRESS/", false},
		{options{Config: named}, "", "http://gateway.example:8080/", false},
		{options{trusted: loopback}, "X-Forwarded-Proto: https", "https://ADDRESS/", true},
		{options{trusted: loopback}, "Host: wrp.example|X-Forwarded-Proto: https", "https://wrp.example/", true},
		{options{trusted: loopback}, "Host: inside:81|X-Forwarded-Proto: https|X-Forwarded-Host: wrp.example|X-Forwarded-Port: 444", "https://wrp.example:444/", true},
		{options{trusted: loopback}, "Host: inside:81|Forwarded: for=192.0.2.1;proto=https;host=wrp.example", "https://wrp.example/", true},
		{options{trusted: loopback, Config: named}, "X-Forwarded-Proto: https", "https://gateway.example:8443/", true},
		{options{}, "Host: inside:81|X-Forwarded-Proto: https|X-Forwarded-Host: wrp.example|Forwarded: proto=https", "http://inside:81/", false},
	} {
		b, s := newUpstream(t, tt.opt, describe)
		address := strings.TrimPrefix(b.url, "http://")
		headers := strings.ReplaceAll(tt.headers, "|", "\r\n") + "\r\n"
		_, r := b.raw(t, "GET /s/"+s.Token+"/ HTTP/1.0\r\n"+headers+"\r\n")
		resp, err := http.ReadResponse(r, nil)
		must(t, err)
		cookie, location := resp.Header.Get("Set-Cookie"), strings.ReplaceAll(tt.location, "ADDRESS", address)
		if resp.Header.Get("Location") != location || strings.Contains(cookie, "; Secure") != tt.secure {
			t.Errorf("%q: led to %q with the cookie %q, want %q", tt.headers, resp.Header.Get("Location"), cookie, location)
		}
		_, r = b.raw(t, "GET / HTTP/1.0\r\nBearer: "+s.Token+"\r\n"+headers+"\r\n")
		resp, err = http.ReadResponse(r, nil)
		must(t, err)
		got, err := io.ReadAll(resp.Body)
		must(t, err)
		_, host, _ := strings.Cut(strings.TrimSuffix(location, "/"), "://")
		if !strings.HasPrefix(string(got), "GET / "+host+"\n") || strings.Contains(string(got), "Forwarded") {
			t.Errorf("%q: WRP gets %q, want the host %s", tt.headers, got, host)
		}
	}
}

// TestAnswersSayLittle: what is refused is refused in one sentence, and under an
// id that the log has.
func TestAnswersSayLittle(t *testing.T) {
	t.Parallel()
	b := newBench(t, databasetest.New(t), options{})
	s := allocate(t, b.Kit, amiga)
	must(t, b.Sessions.Stop(t.Context(), amiga))
	page := regexp.MustCompile(`<h1>[^<]+</h1><p>[^<]+\.</p><p>Request ([A-Z2-7]{10})</p>\n</body></html>\n$`)
	for _, tt := range []struct {
		path, token string
		code        int
	}{{"/", unknown, 401}, {"/shutdown/", s.Token, 403}, {"/", s.Token, 410}} {
		a := ask(t, "GET", b.url+tt.path, "Bearer: "+tt.token)
		m := page.FindStringSubmatch(a.body)
		if m == nil || a.StatusCode != tt.code || a.ContentLength != int64(len(a.body)) || a.Header.Get("Content-Type") != "text/html" {
			t.Errorf("%s: %d %v %q", tt.path, a.StatusCode, a.Header, a.body)
			continue
		}
		eventually(t, "the id in the log", func() bool { return b.log.count("request="+m[1]) == 1 })
	}
}
