package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/clientconn"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/httpapi"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service/servicetest"
)

const token, adminToken = "s3cret", "0perator"

// A bench is the interface over a service on pretend hosts.
type bench struct {
	*servicetest.Kit
	api *httpapi.Server
	url string
	log *logged
}

func newBench(t *testing.T, db *database.DB, opt servicetest.Options) *bench {
	t.Helper()
	k := servicetest.New(t, db, opt)
	lines := &logged{t: t}
	log := slog.New(slog.NewTextHandler(lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	api := httpapi.New(httpapi.Config{
		Operators: operator.Handler(operator.Config{Sessions: k.Sessions, Store: k.Store, Processes: k.DB.Known, DB: k.DB, Accounts: k.Accounts, StopNow: k.Reaper.StopNow, Reload: reloaded, Log: log}),
		Sessions:  k.Sessions,
		Pool:      k.Pool,
		Writable:  func() error { return k.DB.Beat(context.Background(), k.Process) },
		Guard:     auth.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, log),
		AuthToken: token, AdminToken: adminToken,
		Log: log, Journal: k.Journal,
	})
	srv := httptest.NewUnstartedServer(api)
	srv.Config.DisableGeneralOptionsHandler = true // as that of the distributor
	srv.Config.ReadHeaderTimeout, srv.Config.IdleTimeout = time.Minute, time.Minute
	srv.Listener = &clientconn.Listener{Listener: srv.Listener, Stall: time.Minute}
	srv.Start()
	t.Cleanup(srv.Close)
	return &bench{k, api, srv.URL, lines}
}

// A call is a request and what has to come back.
type call struct {
	method  string
	path    string // "": "/"
	header  string // "Name: value|Name: value"; the token and a User-Agent are there unless given ("Bearer:" removes it)
	body    string
	code    int
	answer  string // regular expression for the whole body
	headers string // regular expression for "Name: value" lines of the answer
}

func (b *bench) do(t *testing.T, c call) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), c.method, b.url+"/", strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	if c.path != "" {
		req.URL.Path = c.path
		req.URL.Path, req.URL.RawQuery, _ = strings.Cut(c.path, "?")
	}
	req.Header.Set("Bearer", token)
	req.Header.Set("User-Agent", "AmiFox")
	for _, line := range strings.Split(c.header, "|") {
		name, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); {
		case name == "":
		case value == "" && name == "User-Agent":
			req.Header.Set(name, "") // net/http sends its own otherwise
		case value == "":
			req.Header.Del(name)
		case name == "Bearer" && req.Header.Get(name) != token:
			req.Header.Add(name, value)
		case name == "X-Forwarded-For":
			req.Header.Add(name, value)
		default:
			req.Header.Set(name, value)
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	what := fmt.Sprintf("%s %s [%s] %.40q", c.method, c.path, c.header, c.body)
	if resp.StatusCode != c.code {
		t.Errorf("%s: status = %d, want %d (%s)", what, resp.StatusCode, c.code, text)
	}
	if !regexp.MustCompile(`^(?s:` + c.answer + `)$`).Match(text) {
		t.Errorf("%s: body = %q, want %q", what, text, c.answer)
	}
	var lines strings.Builder
	if err := resp.Header.Write(&lines); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(c.headers).MatchString(lines.String()) {
		t.Errorf("%s: headers = %q, want %q", what, lines.String(), c.headers)
	}
	return resp
}

const (
	page    = `<h1>[^<]+</h1><p>[^<]+</p><p>Request [A-Z2-7]{10}</p>`
	started = `<xml><wrpUrl>127\.[0-9.]+:909[0-9]</wrpUrl><token>[0-9a-f]{40}</token></xml>`
	xmlType = `Content-Type: text/xml;charset=UTF-8\r\n`
	given   = `(?s)X-Wrp-Token: [0-9a-f]{40}\r\n.*X-Wrp-Url: 127\.[0-9.]+:909[0-9]\r\n`
	full    = `<h1>Docker container for this session could not be started!</h1><p>Could not find an available containerHost, try again later or adjust distributor configuration\.</p><p>Request \w+</p>`
	empty   = `Content-Length: 0\r\n`
	problem = `{"type":"urn:wrp-distributor:problem:[a-z-]+",.*}\n`
)

// TestContract has a line for every row of the contract with old clients. The
// calls build on one another.
func TestContract(t *testing.T) {
	statusPage := func(sessions, containers, here, remaining int) string {
		return fmt.Sprintf(regexp.QuoteMeta("<h1>wrp-distributor status</h1><p>It's alive! Here are some statistics about the current instance:</p><ul><li>Current session count: %d</li><li>Current container count: %d</li><li>Available container hosts: 1</li><li>Container hosts in use:<br><ol><li>")+
			`[0-9a-f]{8}`+regexp.QuoteMeta(": %d sessions running</li></ol></li><li>Unused configuration potential / remaining containers: %d</li></ul>"), sessions, containers, here, remaining)
	}
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		b := newBench(t, db, servicetest.Options{Max: 3})
		for _, c := range []call{
			// authentication
			{method: "GET", header: "Bearer:", code: 401, headers: empty},
			{method: "PATCH", header: "Bearer:", code: 401, headers: empty},
			{method: "PUT", header: "Bearer:|User-Agent:", code: 401, headers: empty},
			{method: "GET", header: "Bearer:|Bearer: wrong", code: 401, headers: empty},
			{method: "GET", header: "Bearer:|Bearer: wrong|Authorization: Bearer " + token, code: 401, headers: empty},
			{method: "GET", header: "Bearer:|Authorization: Bearer " + token, code: 200, answer: ".*"},
			{method: "GET", header: "Bearer:|Authorization: Basic " + token, code: 401},
			{method: "GET", header: "Bearer:|Bearer: wrong|Bearer:   " + token + " ", code: 200, answer: ".*"},
			{method: "GET", path: "/index.php", header: "Bearer:", code: 401},
			{method: "BREW", header: "Bearer:", code: 401, headers: empty},
			{method: "get", path: "/index.php", header: "Bearer:", code: 401, headers: empty},
			{method: "PROPFIND", header: "Bearer:|Bearer: wrong", code: 401, headers: empty},
			// methods, then identity
			{method: "BREW", header: "User-Agent:", code: 405, answer: page, headers: `Allow: GET, HEAD, PUT, DELETE\r\n`},
			{method: "PROPFIND", path: "/index.php", code: 405, answer: page, headers: `Allow: GET, HEAD, PUT, DELETE\r\n`},
			{method: "POST", header: "User-Agent:", code: 405, answer: page, headers: `Allow: GET, HEAD, PUT, DELETE\r\n`},
			{method: "OPTIONS", path: "/index.php", code: 405, answer: page},
			{method: "GET", header: "User-Agent:", code: 400, answer: page},
			{method: "PUT", header: "User-Agent:", code: 400, answer: page},
			{method: "HEAD", header: "User-Agent:", code: 400},
			{method: "DELETE", header: "X-Forwarded-For: junk", code: 400, answer: page},
			{method: "GET", header: "X-Forwarded-For: junk, 192.0.2.1", code: 200, answer: ".*"},
			// other paths
			{method: "GET", path: "/other", header: "Bearer:", code: 404, answer: page},
			{method: "PUT", path: "/index.php/more", header: "Bearer:", code: 404, answer: page},
			{method: "BREW", path: "/other", header: "Bearer:", code: 404, answer: page},
			{method: "GET", path: "/healthz", header: "Bearer:", code: 200, answer: "ok\n"},
			{method: "GET", path: "/v1/admin/hosts", header: "Bearer:", code: 401, answer: problem, headers: `Www-Authenticate: Bearer`},
			{method: "GET", path: "/v1/admin/hosts", code: 403, answer: problem},
			{method: "GET", path: "/v1/admin/hosts", header: "Bearer:|Authorization: Bearer " + adminToken, code: 200, answer: `{"hosts":\[{"host":"host0",.*"max":3,.*}\]}\n`},
			{method: "GET", path: "/v1/admin/", header: "Bearer:|Authorization: Bearer " + adminToken, code: 404, answer: page},
			{method: "HEAD", path: "/healthz", header: "Bearer:", code: 200, headers: `Content-Length: 3\r\n`},
			{method: "OPTIONS", path: "/healthz", header: "Bearer:", code: 200, answer: "ok\n"},
			{method: "PUT", path: "/healthz", header: "Bearer:", code: 405, answer: page, headers: `Allow: GET, HEAD, OPTIONS\r\n`},
			// nothing there
			{method: "GET", code: 200, answer: statusPage(0, 0, 0, 3), headers: `Content-Type: text/html`},
			{method: "HEAD", code: 204},
			{method: "DELETE", code: 204},
			{method: "GET", path: "/?format=json", code: 200, answer: `{"activeSessions":0,"containerHosts":1,"containerHostsWithSessions":{"[0-9a-f]{8}":0},"containersRunning":0,"hosts":\[{"host":"[0-9a-f]{8}","used":0,"max":3,"tls":false,"takesSessions":(true|false,"why":"not asked yet")}\],"remainingContainers":3}\n`, headers: `Content-Type: application/json`},
			// bodies that are refused change nothing
			{method: "PUT", body: "ssl=" + strings.Repeat("x", 64<<10), code: 413, answer: page},
			{method: "PUT", body: "ssl=%zz", code: 400, answer: page},
			{method: "PUT", body: `{"ssl":`, header: "Content-Type: application/json", code: 400, answer: page},
			{method: "PUT", body: `{"ssl":{}}`, header: "Content-Type: application/json", code: 400, answer: page},
			{method: "PUT", body: "ssl=true", code: 503, answer: `.*certificate.*`},
			{method: "PUT", body: `{"ssl":true}`, header: "Content-Type: application/json", code: 503, answer: `.*certificate.*`},
			{method: "GET", code: 200, answer: statusPage(0, 0, 0, 3)},
			// a session
			{method: "PUT", body: "ssl=off", code: 202, answer: started, headers: xmlType},
			{method: "PUT", body: "ssl=0", code: 204, headers: given},
			{method: "PUT", path: "/index.php", code: 204, headers: given},
			{method: "HEAD", code: 204},
			{method: "GET", code: 200, answer: statusPage(1, 1, 1, 2)},
			{method: "GET", header: "Accept: application/json", code: 200, answer: `{"activeSessions":1,.*"containersRunning":1,"hosts":\[.*"used":1,"max":3,"tls":false,"takesSessions":true}\],"remainingContainers":2}\n`},
			// another client, by User-Agent, by forwarded address; odd ones
			{method: "PUT", header: "User-Agent: AmiFox ", code: 204, headers: given},
			{method: "PUT", header: "User-Agent: amifox", code: 202, answer: started},
			{method: "PUT", header: "X-Forwarded-For: 203.0.113.7, 127.0.0.9", code: 202, answer: started},
			{method: "PUT", header: "X-Forwarded-For: ::ffff:203.0.113.7", code: 204, headers: given},
			{method: "PUT", header: "X-Forwarded-For: 203.0.113.7:4711", code: 204, headers: given},
			{method: "PUT", header: "X-Forwarded-For: |X-Forwarded-For: 10.0.0.1|X-Forwarded-For: 203.0.113.7", code: 204, headers: given},
			{method: "PUT", header: "User-Agent: <b>\"'\xff" + strings.Repeat("ü", 4096), code: 503, answer: full, headers: `Retry-After: [0-9]+\r\n`},
			// the end
			{method: "DELETE", code: 202, headers: empty},
			{method: "DELETE", code: 204},
			{method: "HEAD", code: 204},
			{method: "GET", code: 200, answer: statusPage(2, 2, 2, 1)},
			{method: "PUT", header: "User-Agent: <b>\"'\xff" + strings.Repeat("ü", 4096), code: 202, answer: started},
		} {
			b.do(t, c)
		}
	})
}

// TestLastBearerHeaderCounts: of several.
func TestLastBearerHeaderCounts(t *testing.T) {
	b := newBench(t, databasetest.New(t), servicetest.Options{})
	for _, tt := range []struct {
		values []string
		want   int
	}{
		{[]string{"wrong", token}, 200},
		{[]string{token, "wrong"}, 401},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header["Bearer"] = tt.values
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("Bearer %q: status = %d, want %d", tt.values, resp.StatusCode, tt.want)
		}
	}
}

// TestContractWhenHostsFail has the rows about containers and hosts that fail.
func TestContractWhenHostsFail(t *testing.T) {
	b := newBench(t, databasetest.New(t), servicetest.Options{Hosts: 2, Max: 1, Watch: true})
	eventually(t, "ready", func() bool { return status(t, b.url+"/readyz") == 200 })

	// The container died: noticed, and replaced.
	b.do(t, call{method: "PUT", code: 202, answer: started})
	b.Hosts[0].KillContainer(b.Hosts[0].Containers()[0].ID)
	b.do(t, call{method: "PUT", code: 202, answer: started})
	b.do(t, call{method: "DELETE", code: 202})
	eventually(t, "host0 free", func() bool { return len(b.Hosts[0].Containers()) == 0 })
	b.do(t, call{method: "PUT", code: 202, answer: started})

	// The host cannot be reached: the session is kept.
	if err := b.Hosts[0].SetDown(true); err != nil {
		t.Fatal(err)
	}
	b.do(t, call{method: "PUT", code: 204, headers: given})
	b.do(t, call{method: "DELETE", code: 503, answer: `<h1>Docker container for this session could not be stopped!</h1>.*`})
	b.do(t, call{method: "DELETE", code: 204})
	b.do(t, call{method: "PUT", code: 202, answer: started})
	b.do(t, call{method: "PUT", header: "User-Agent: other", code: 503, answer: full, headers: "Retry-After: "})

	if err := b.Hosts[1].SetDown(true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "not ready", func() bool { return status(t, b.url+"/readyz") == 503 })
}

// TestContractWhileDatabaseIsDown: all is unavailable, and sessions go on.
func TestContractWhileDatabaseIsDown(t *testing.T) {
	b := newBench(t, databasetest.New(t), servicetest.Options{})
	b.do(t, call{method: "PUT", code: 202, answer: started})
	if err := b.DB.DB.Close(); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		b.do(t, call{method: method, code: 503, answer: page, headers: "Retry-After: "})
	}
	b.do(t, call{method: "HEAD", code: 503, headers: "Retry-After: "})
	if got := status(t, b.url+"/readyz"); got != 503 {
		t.Errorf("/readyz = %d, want 503", got)
	}
	if got := status(t, b.url+"/healthz"); got != 200 {
		t.Errorf("/healthz = %d, want 200: the process works", got)
	}
	if b.Running() != 1 {
		t.Error("the running session was harmed")
	}
}

// TestReadyNeedsADatabaseThatTakesWrites: an answer to a question is not enough.
func TestReadyNeedsADatabaseThatTakesWrites(t *testing.T) {
	b := newBench(t, databasetest.New(t), servicetest.Options{Watch: true})
	eventually(t, "ready", func() bool { return status(t, b.url+"/readyz") == 200 })
	if _, err := b.DB.Exec(`PRAGMA query_only = 1`); err != nil {
		t.Fatal(err)
	}
	b.do(t, call{method: "GET", code: 200, answer: "<h1>wrp-distributor status</h1>.*"})
	b.do(t, call{method: "PUT", code: 503, answer: page, headers: "Retry-After: "})
	b.do(t, call{method: "GET", path: "/readyz", header: "Bearer:", code: 503, answer: ".*<p>The database takes no writes.</p>.*", headers: "Retry-After: "})
}

// TestReadyIfAHostTakesSessions: full or not; and it says what is wrong, without names.
func TestReadyIfAHostTakesSessions(t *testing.T) {
	b := newBench(t, databasetest.New(t), servicetest.Options{Hosts: 3, Max: 1, Watch: true})
	is := func(code int, answer string) {
		t.Helper()
		eventually(t, fmt.Sprint(code, " ", answer), func() bool { return status(t, b.url+"/readyz") == code })
		b.do(t, call{method: "GET", path: "/readyz", header: "Bearer:", code: code, answer: answer})
		b.do(t, call{method: "OPTIONS", path: "/readyz", header: "Bearer:", code: code, answer: answer})
		b.do(t, call{method: "HEAD", path: "/readyz", header: "Bearer:", code: code})
	}
	is(200, "ready\n")
	for _, agent := range []string{"one", "two", "three"} {
		b.do(t, call{method: "PUT", header: "User-Agent: " + agent, code: 202, answer: started})
	}
	is(200, "ready\n")

	drain := func(host string) {
		t.Helper()
		if err := b.Store.Drain(t.Context(), host, "a secret reason"); err != nil {
			t.Fatal(err)
		}
	}
	drain("host0")
	if err := b.Hosts[1].SetDown(true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "host1 down", func() bool { return b.Pool.Status()[1].State.IsDown() })
	is(200, "ready\n")
	drain("host2")
	is(503, "<h1>Service Unavailable</h1><p>No container host takes sessions: 1 down, 2 drained.</p><p>Request .*</p>")
	if _, err := b.Store.Undrain(t.Context(), "host0"); err != nil {
		t.Fatal(err)
	}
	is(200, "ready\n")
}

// TestDrainFinishesStartsAndRefusesNew: when the process is about to end.
func TestDrainFinishesStartsAndRefusesNew(t *testing.T) {
	b := newBench(t, databasetest.New(t), servicetest.Options{})
	b.Hosts[0].SetDelay("start", 300*time.Millisecond)
	put := make(chan *http.Response)
	go func() { put <- b.do(t, call{method: "PUT", code: 202, answer: started}) }()
	eventually(t, "a start under way", func() bool { return len(b.Hosts[0].Containers()) == 1 })
	drained := make(chan struct{})
	go func() { b.api.Drain(context.Background()); close(drained) }()
	eventually(t, "refusing", func() bool { return status(t, b.url+"/readyz") == 503 })
	resp := b.do(t, call{method: "PUT", header: "User-Agent: other", code: 503, answer: ".*shutting down.*"})
	if !resp.Close {
		t.Error("the connection is kept, want Connection: close")
	}
	<-put
	<-drained
}

// TestAnswersLeakNothing: what went wrong inside stays in the log.
func TestAnswersLeakNothing(t *testing.T) {
	b := newBench(t, databasetest.New(t), servicetest.Options{})
	b.Hosts[0].FailNext("create", 500, "no space left on /var/lib/docker of host0", 9)
	resp := b.do(t, call{method: "PUT", code: 503, answer: full})
	if id := resp.Header.Get("X-Request-Id"); id == "" {
		t.Error("no request id")
	}
}

// TestHTTP10ClientsGetALength: and no chunks.
func TestHTTP10ClientsGetALength(t *testing.T) {
	b := newBench(t, databasetest.New(t), servicetest.Options{})
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		nc, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(nc, "%s / HTTP/1.0\r\nBearer: %s\r\nUser-Agent: AmiFox\r\n\r\n", method, token)
		answer, err := io.ReadAll(nc)
		if err != nil {
			t.Fatal(err)
		}
		nc.Close()
		head, body, _ := strings.Cut(string(answer), "\r\n\r\n")
		if !strings.Contains(head, fmt.Sprintf("Content-Length: %d", len(body))) || strings.Contains(head, "chunked") {
			t.Errorf("HTTP/1.0 %s is answered %q", method, answer)
		}
	}
}

// TestLineEndsAfterBodiesDoNoHarm: browsers of Netscape's age send them, and go on with
// the same connection.
func TestLineEndsAfterBodiesDoNoHarm(t *testing.T) {
	b := newBench(t, databasetest.New(t), servicetest.Options{})
	nc, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	r := bufio.NewReader(nc)
	for _, tt := range []struct {
		method, body string // sent as two pieces
		after        string
		code         int
	}{
		{"PUT", "ssl=0", "\r\n", 202},
		{"PUT", "ssl=0", "\n", 204},
		{"HEAD", "", "", 204},
		{"DELETE", "x=y", "\r\n\r\n", 202},
		{"PUT", "ssl=%zz", "\r\n", 400},
		{"BREW", "x", "\r\n", 405},
		{"GET", "", "\r\n", 200},
		{"DELETE", "", "", 204},
	} {
		fmt.Fprintf(nc, "%s / HTTP/1.1\r\nHost: x\r\nBearer: %s\r\nUser-Agent: Mozilla/1.0N (Windows)\r\nContent-Length: %d\r\n\r\n%s", tt.method, token, len(tt.body), tt.body)
		fmt.Fprint(nc, tt.after)
		resp, err := http.ReadResponse(r, &http.Request{Method: tt.method})
		if err != nil {
			t.Fatalf("%s %q: %v", tt.method, tt.body, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		if resp.StatusCode != tt.code || resp.Close {
			t.Errorf("%s %q: status = %d, want %d; closed = %t", tt.method, tt.body, resp.StatusCode, tt.code, resp.Close)
		}
	}
}

// TestGuessesAreLimitedRightTokensAreNot: per address, or per /64.
func TestGuessesAreLimitedRightTokensAreNot(t *testing.T) {
	b := newBench(t, databasetest.New(t), servicetest.Options{})
	for range 60 {
		b.do(t, call{method: "GET", header: "Bearer:|X-Forwarded-For: 2001:db8::1", code: 401})
	}
	b.do(t, call{method: "GET", header: "Bearer:|X-Forwarded-For: 2001:db8::2", code: 429, headers: `Retry-After: [0-9]+\r\n`})
	b.do(t, call{method: "GET", header: "Bearer:|X-Forwarded-For: 2001:db8:0:1::2", code: 401})
	b.do(t, call{method: "GET", header: "X-Forwarded-For: 2001:db8::2", code: 200, answer: ".*"})
}

// TestGuessesOfOperatorsTokenAreLimited: and logged. Until then they are told what
// clients are; the right token is told more, however many were wrong.
func TestGuessesOfOperatorsTokenAreLimited(t *testing.T) {
	b := newBench(t, databasetest.New(t), servicetest.Options{})
	const wrong = "X-Admin-Token: guess|X-Forwarded-For: 2001:db8::1"
	const alias, name = `.*"host":"[0-9a-f]{8}".*`, `.*"host":"host0".*`
	for range 60 {
		b.do(t, call{method: "GET", path: "/?format=json", header: wrong, code: 200, answer: alias})
	}
	b.do(t, call{method: "GET", path: "/?format=json", header: wrong, code: 429, headers: `Retry-After: [0-9]+\r\n`})
	b.do(t, call{method: "GET", header: "Bearer:|X-Forwarded-For: 2001:db8::1", code: 429})
	b.do(t, call{method: "GET", path: "/?format=json", header: "X-Forwarded-For: 2001:db8::1", code: 200, answer: alias})
	b.do(t, call{method: "GET", path: "/?format=json", header: "X-Admin-Token: " + adminToken + "|X-Forwarded-For: 2001:db8::1", code: 200, answer: name})
	b.do(t, call{method: "GET", path: "/v1/admin/hosts", header: "Bearer:|Authorization: Bearer guess|X-Forwarded-For: 2001:db8::1", code: 429, answer: problem, headers: `Retry-After: [0-9]+\r\n`})
	b.do(t, call{method: "GET", path: "/v1/admin/hosts", header: "Bearer:|X-Forwarded-For: 2001:db8::1", code: 401, answer: problem})
	b.do(t, call{method: "GET", path: "/v1/admin/hosts", header: "Bearer:|Authorization: Bearer " + adminToken + "|X-Forwarded-For: 2001:db8::1", code: 200, answer: name + `\n`})
	if got := b.log.count("operator authentication failed"); got != 62 {
		t.Errorf("%d log lines, want 62", got)
	}
	if b.log.count("guess") > 0 {
		t.Error("the log has a token")
	}
}

func status(t *testing.T, url string) int {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
