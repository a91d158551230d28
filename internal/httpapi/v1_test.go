package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"wrpdistributor/docs"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/httpapi"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// operatorEndpoints is what package operator serves over TCP. Each has to be described,
// too; what stands in braces is filled in by exampleOf.
var operatorEndpoints = operator.Routes()

// exampleOf returns a path that fits one of a description.
func exampleOf(path string) string {
	return strings.NewReplacer("{host}", "host0", "{id}", "1", "{name}", "anna").Replace(path)
}

// TestRoutesAreTheDescribedOnes: no more and no less, and each is there.
func TestRoutesAreTheDescribedOnes(t *testing.T) {
	d := describe(t, databasetest.New(t), servicetest.Options{}, nil)
	var described []string
	for path, item := range d.doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	routes := slices.Concat(d.api.Endpoints(), operatorEndpoints)
	slices.Sort(described)
	slices.Sort(routes)
	if !slices.Equal(described, routes) {
		t.Errorf("docs/openapi.yaml describes\n%s\nand the routes are\n%s", strings.Join(described, "\n"), strings.Join(routes, "\n"))
	}
	for _, pattern := range d.api.Patterns() {
		if strings.HasPrefix(pattern, "/v1/") && d.doc.Paths.Value(pattern) == nil {
			t.Errorf("%s is served and not described", pattern)
		}
	}
	for _, r := range operatorEndpoints {
		method, path, _ := strings.Cut(r, " ")
		d.ask(t, ask{method: method, path: exampleOf(path), token: "none", code: 401, problem: "unauthorized"})
		d.ask(t, ask{method: method, path: exampleOf(path), code: 403, problem: "forbidden"})
		d.ask(t, ask{method: method, path: exampleOf(path), token: backendToken, code: 403, problem: "forbidden"})
		if method == http.MethodGet {
			d.ask(t, ask{method: method, path: exampleOf(path), token: adminToken, code: 200})
		}
	}
}

const running = "address gateway id started state tls token url"

// TestV1 has a line for each thing that clients rely on. The requests build on one
// another.
func TestV1(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		d := describe(t, db, servicetest.Options{Max: 2}, nil)
		const sessions, own = "/v1/sessions", "/v1/session"
		for _, a := range []ask{
			// who may ask
			{method: "POST", path: sessions, token: "none", code: 401, problem: "unauthorized", headers: `Www-Authenticate: Bearer`},
			{method: "GET", path: own, token: "guess", code: 401, problem: "unauthorized", headers: `Www-Authenticate: Basic`},
			{method: "HEAD", path: own, token: "none", code: 401},
			{method: "POST", path: sessions, token: metricsToken, code: 403, problem: "forbidden"},
			{method: "GET", path: own, token: adminToken, code: 403, problem: "forbidden"},
			{method: "HEAD", path: own, token: adminToken, code: 403},
			{method: "POST", path: sessions, header: basicHeader(token), code: 403, problem: "read-only"},
			{method: "DELETE", path: own, header: basicHeader(token), code: 403, problem: "read-only"},
			{method: "HEAD", path: own, header: basicHeader(token), code: 403}, // it is a use
			{method: "GET", path: own, header: basicHeader(token), code: 404, problem: "no-session"},
			// which methods there are, and who asks
			{method: "PATCH", path: own, token: "none", code: 401, problem: "unauthorized"},
			{method: "PUT", path: own, code: 405, problem: "method-not-allowed", headers: `Allow: GET, HEAD, DELETE\r\n`},
			{method: "GET", path: sessions, code: 405, problem: "method-not-allowed", headers: `Allow: POST\r\n`},
			{method: "BREW", path: "/v1/info", code: 405, problem: "method-not-allowed", headers: `Allow: GET, HEAD\r\n`},
			{method: "POST", path: sessions, header: "User-Agent: ", code: 400, problem: "no-user-agent"},
			{method: "GET", path: own, header: "X-Forwarded-For: junk", code: 400, problem: "bad-forwarded-for"},
			{method: "GET", path: own + "%00", code: 400, problem: "bad-target"},
			// bodies that are refused start nothing
			{method: "POST", path: sessions, body: "tls=1", header: "Content-Type: application/x-www-form-urlencoded", code: 415, problem: "not-json"},
			{method: "POST", path: sessions, body: `{"tls":true}`, header: "Content-Type: text/plain", code: 415, problem: "not-json"},
			{method: "POST", path: sessions, body: `{"tls":`, code: 400, problem: "bad-body"},
			{method: "POST", path: sessions, body: `{"tls":"yes"}`, code: 400, problem: "bad-body"},
			{method: "POST", path: sessions, body: `{"ssl":true}`, code: 400, problem: "bad-body"},
			{method: "POST", path: sessions, body: `{}{}`, code: 400, problem: "bad-body"},
			{method: "POST", path: sessions, body: `null`, code: 400, problem: "bad-body"},
			{method: "POST", path: sessions, body: `{"user":"` + strings.Repeat("x", 64<<10) + `"}`, code: 413, problem: "too-large"},
			{method: "POST", path: sessions, body: `{"user":"anna"}`, code: 403, problem: "not-a-backend"},
			{method: "DELETE", path: own + "?user=anna", code: 403, problem: "not-a-backend"},
			{method: "POST", path: sessions, body: `{"tls":true}`, code: 503, problem: "no-tls"},
			// nothing there
			{method: "GET", path: own, code: 404, problem: "no-session"},
			{method: "HEAD", path: own, code: 404},
			{method: "DELETE", path: own, code: 204},
			// a session
			{method: "POST", path: sessions, code: 201, fields: running, headers: `(?s)Cache-Control: no-store\r\n.*Content-Length: [0-9]+\r\n.*Location: /v1/session\r\n`},
			{method: "POST", path: sessions, body: `{"tls":false}`, header: "Content-Type: application/json; charset=utf-8", code: 200, fields: running},
			{method: "POST", path: sessions, token: previousToken, code: 200, fields: running},
			{method: "HEAD", path: own, code: 204},
			{method: "GET", path: own, code: 200, fields: "address gateway id lastUsed started state tls token url"},
			{method: "GET", path: own, header: basicHeader(token), code: 200},
			// of others, by User-Agent
			{method: "GET", path: own, header: "User-Agent: amiga", code: 404, problem: "no-session"},
			{method: "POST", path: sessions, header: "User-Agent: amiga", code: 201},
			{method: "POST", path: sessions, header: "User-Agent: third", code: 503, problem: "full", headers: `Retry-After: 30\r\n`},
			// the end
			{method: "DELETE", path: own, code: 204},
			{method: "DELETE", path: own, code: 204},
			{method: "HEAD", path: own, code: 404},
			// the service
			{method: "GET", path: "/v1/info", token: "none", code: 401, problem: "unauthorized"},
			{method: "GET", path: "/v1/info", code: 200, fields: "role serves started uptimeSeconds version"},
			{method: "HEAD", path: "/v1/info", token: "none", code: 401},
			{method: "GET", path: "/v1/openapi.yaml", token: "none", code: 200, headers: `Content-Type: application/yaml\r\n`},
			{method: "PUT", path: "/v1/openapi.yaml", token: "none", code: 405, problem: "method-not-allowed"},
		} {
			d.ask(t, a)
		}
		if d.Running() != 1 {
			t.Errorf("%d containers run, want that of one session", d.Running())
		}
	})
}

func basicHeader(password string) string { return strings.TrimPrefix(basic(password), "Bearer:|") }

// TestV1AndTheOldProtocolShareSessions: a client may change from one to the other.
func TestV1AndTheOldProtocolShareSessions(t *testing.T) {
	d := describe(t, databasetest.New(t), servicetest.Options{}, nil)
	d.do(t, call{method: "PUT", header: "User-Agent: Amiga", code: 202, answer: started})
	got := d.ask(t, ask{method: "POST", path: "/v1/sessions", code: 200, fields: running})
	put := d.do(t, call{method: "PUT", header: "User-Agent: Amiga", code: 204, headers: given})
	if got["address"] != put.Header.Get("X-Wrp-Url") || got["token"] != put.Header.Get("X-Wrp-Token") || got["url"] != fmt.Sprintf("http://%s/", got["address"]) {
		t.Errorf("/v1 says %v, and PUT %v", got, put.Header)
	}
	d.ask(t, ask{method: "DELETE", path: "/v1/session", code: 204})
	d.do(t, call{method: "DELETE", header: "User-Agent: Amiga", code: 204})
}

// TestBackendsNameUsers: each name is a client of its own, wherever the backend asks from,
// and none is an address.
func TestBackendsNameUsers(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		d := describe(t, db, servicetest.Options{Max: 4}, nil)
		post := func(a ask) map[string]any {
			t.Helper()
			a.method, a.path, a.token = "POST", "/v1/sessions", backendToken
			return d.ask(t, a)
		}
		for _, body := range []string{"", `{}`, `{"user":""}`, `{"user":" anna"}`, `{"user":"a\nb"}`, `{"user":"a\u0000b"}`, "{\"user\":\"\xff\"}", `{"user":"` + strings.Repeat("x", 129) + `"}`} {
			post(ask{body: body, code: 400, problem: "bad-user"})
		}
		anna := post(ask{body: `{"user":"anna"}`, code: 201, headers: `Location: /v1/session\?user=anna\r\n`})
		again := post(ask{body: `{"user":"anna"}`, header: "User-Agent: other|X-Forwarded-For: 192.0.2.9", code: 200})
		if anna["user"] != "anna" || again["id"] != anna["id"] || again["token"] != anna["token"] {
			t.Errorf("anna has %v, and then %v", anna, again)
		}
		if s, err := d.Store.ByIdentity(t.Context(), database.NamedIdentity("backend", "anna")); err != nil || float64(s.ID) != anna["id"] {
			t.Errorf("the identity of anna has session %v, %v, want %v", s, err, anna["id"])
		}
		odd := post(ask{body: `{"user":"Zoë & 🦊"}`, code: 201})
		if odd["user"] != "Zoë & 🦊" || odd["id"] == anna["id"] {
			t.Errorf("the other has %v", odd)
		}
		// A client that claims to be the name of one is another client.
		mine := d.ask(t, ask{method: "POST", path: "/v1/sessions", header: "User-Agent: anna", code: 201})
		if mine["id"] == anna["id"] || mine["user"] != nil {
			t.Errorf("a client called anna has %v", mine)
		}
		const own = "/v1/session?user=anna"
		for _, a := range []ask{
			{method: "GET", path: "/v1/session", code: 400, problem: "bad-user"},
			{method: "GET", path: own + "&user=bob", code: 400, problem: "bad-user"},
			{method: "GET", path: "/v1/session?user=bob", code: 404, problem: "no-session"},
			{method: "GET", path: "/v1/session?user=Zo%C3%AB+%26+%F0%9F%A6%8A", code: 200},
			{method: "HEAD", path: own, code: 204},
			{method: "GET", path: own, header: "User-Agent: ", code: 200},
			{method: "DELETE", path: own, code: 204},
			{method: "GET", path: own, code: 404, problem: "no-session"},
		} {
			a.token = backendToken
			d.ask(t, a)
		}
		if d.log.count("anna") > 0 || d.log.count("client=backend#") == 0 {
			t.Error("the log has a user's name, or nothing of the session of one")
		}
	})
}

// TestWithoutTheirTokensThereAreNoBackends: nor is the empty token anybody's.
func TestWithoutTheirTokensThereAreNoBackends(t *testing.T) {
	d := describe(t, databasetest.New(t), servicetest.Options{}, func(c *httpapi.Config) {
		c.BackendToken, c.MetricsToken, c.AdminToken = "", "", ""
	})
	for _, shown := range []string{backendToken, metricsToken, adminToken, " "} {
		d.ask(t, ask{method: "GET", path: "/v1/info", token: shown, code: 401, problem: "unauthorized"})
	}
	info := d.ask(t, ask{method: "GET", path: "/v1/info", code: 200})
	if serves := fmt.Sprint(info["serves"]); serves != "map[admin:false backend:false gateway:false tls:false]" {
		t.Errorf("it serves %s", serves)
	}
	d.do(t, call{method: "GET", path: "/v1/admin/hosts", code: 404, answer: page})
}

// TestInfo: to each who has a token, with what that is good for.
func TestInfo(t *testing.T) {
	d := describe(t, databasetest.New(t), servicetest.Options{}, func(c *httpapi.Config) {
		c.MaxSessionAge, c.GatewayAddress = time.Hour, ":8080"
	})
	for shown, role := range map[string]string{token: "client", previousToken: "client", backendToken: "backend", adminToken: "operator", metricsToken: "metrics"} {
		got := d.ask(t, ask{method: "GET", path: "/v1/info", token: shown, code: 200})
		if got["role"] != role || got["version"] != "v1.2.3" || fmt.Sprint(got["serves"]) != "map[admin:true backend:true gateway:true maxSessionAgeSeconds:3600 tls:false]" {
			t.Errorf("a %s is told %v", role, got)
		}
	}
	sess := d.ask(t, ask{method: "POST", path: "/v1/sessions", code: 201, fields: "address ends " + running[len("address "):]})
	began, err := time.Parse(time.RFC3339, fmt.Sprint(sess["started"]))
	if err != nil || sess["ends"] != began.Add(time.Hour).Format(time.RFC3339) {
		t.Errorf("started %v, ends %v (%v); want an hour later", sess["started"], sess["ends"], err)
	}
}

// TestV1Guesses: wrong tokens are counted for all of /v1 and "/" together; a right one
// always passes.
func TestV1Guesses(t *testing.T) {
	d := describe(t, databasetest.New(t), servicetest.Options{}, nil)
	for range 70 {
		d.do(t, call{method: "GET", path: "/v1/info", header: "Bearer:", code: 401, answer: problem}) // shows none
	}
	for range 60 {
		d.ask(t, ask{method: "GET", path: "/v1/session", token: "guess", code: 401, problem: "unauthorized"})
	}
	d.ask(t, ask{method: "POST", path: "/v1/sessions", token: "guess", code: 429, problem: "too-many-failures", headers: `Retry-After: [0-9]+\r\n`})
	d.ask(t, ask{method: "HEAD", path: "/v1/session", token: "guess", code: 429})
	d.ask(t, ask{method: "GET", path: "/v1/info", header: basicHeader("guess"), code: 429, problem: "too-many-failures"})
	d.do(t, call{method: "GET", header: "Bearer: guess", code: 429})
	d.ask(t, ask{method: "GET", path: "/v1/info", code: 200})
	if d.log.count("guess") > 0 || d.log.count(`msg="authentication failed"`) != 64 {
		t.Errorf("%d failures are logged, want 64, and no token", d.log.count(`msg="authentication failed"`))
	}
}

// TestV1WhenHostsFail: a client that could not give its session back is free of it.
func TestV1WhenHostsFail(t *testing.T) {
	d := describe(t, databasetest.New(t), servicetest.Options{Hosts: 2, Max: 1, Watch: true}, nil)
	eventually(t, "ready", func() bool { return status(t, d.url+"/readyz") == 200 })
	first := d.ask(t, ask{method: "POST", path: "/v1/sessions", code: 201})
	if err := d.Hosts[0].SetDown(true); err != nil {
		t.Fatal(err)
	}
	d.ask(t, ask{method: "POST", path: "/v1/sessions", code: 200})
	d.ask(t, ask{method: "DELETE", path: "/v1/session", code: 503, problem: "host-unreachable"})
	d.ask(t, ask{method: "DELETE", path: "/v1/session", code: 204})
	if second := d.ask(t, ask{method: "POST", path: "/v1/sessions", code: 201}); second["id"] == first["id"] {
		t.Errorf("the same session again: %v", second)
	}
	d.ask(t, ask{method: "POST", path: "/v1/sessions", header: "User-Agent: other", code: 503, problem: "full", headers: `Retry-After: `})
}

// TestV1Unavailable: without a database, before there is one, and on the way down.
func TestV1Unavailable(t *testing.T) {
	d := describe(t, databasetest.New(t), servicetest.Options{}, nil)
	d.ask(t, ask{method: "POST", path: "/v1/sessions", code: 201})
	if err := d.DB.DB.Close(); err != nil {
		t.Fatal(err)
	}
	unavailable := []ask{
		{method: "POST", path: "/v1/sessions", code: 503, problem: "unavailable", headers: `Retry-After: `},
		{method: "GET", path: "/v1/session", code: 503, problem: "unavailable", headers: `Retry-After: `},
		{method: "HEAD", path: "/v1/session", code: 503, headers: `Retry-After: `},
		{method: "DELETE", path: "/v1/session", code: 503, problem: "unavailable", headers: `Retry-After: `},
	}
	for _, a := range unavailable {
		d.ask(t, a)
	}
	d.api.Drain(t.Context())
	for _, path := range []string{"/v1/info", "/v1/openapi.yaml"} {
		d.ask(t, ask{method: "GET", path: path, code: 503, problem: "shutting-down", headers: `Retry-After: `})
	}

	d = describe(t, databasetest.New(t), servicetest.Options{}, nil)
	d.waiting(t)
	for _, a := range append(unavailable, ask{method: "GET", path: "/v1/info", code: 503, problem: "unavailable"}) {
		d.ask(t, a)
	}
	d.ask(t, ask{method: "POST", path: "/v1/sessions", token: "guess", code: 401, problem: "unauthorized"})
	d.ask(t, ask{method: "GET", path: "/v1/openapi.yaml", token: "none", code: 200})
}

// TestV1SessionBehindAGatewayElsewhere: its address is that gateway's, once it is known.
func TestV1SessionBehindAGatewayElsewhere(t *testing.T) {
	db := databasetest.New(t)
	d := describe(t, db, servicetest.Options{}, nil)
	behind := *d.Config
	behind.Gateway = config.Gateway{Listen: ":8088", Address: "gw.example:8088"}
	other := servicetest.Open(t, db, &behind)
	if _, _, err := other.Sessions.Allocate(t.Context(), session.Client{IP: "127.0.0.1", UserAgent: "Amiga"}, false); err != nil {
		t.Fatal(err)
	}
	d.ask(t, ask{method: "GET", path: "/v1/session", code: 503, problem: "no-gateway", headers: `Retry-After: `})
	d.ask(t, ask{method: "POST", path: "/v1/sessions", code: 503, problem: "no-gateway"})
	if err := db.Register(t.Context(), other.Process); err != nil {
		t.Fatal(err)
	}
	for _, a := range []ask{{method: "GET", path: "/v1/session", code: 200}, {method: "POST", path: "/v1/sessions", code: 200}} {
		if got := d.ask(t, a); got["address"] != "gw.example:8088" || got["gateway"] != true {
			t.Errorf("%s: %v, want the gateway's address", a.method, got)
		}
	}
}

// TestDocumentIsServedAsItIs: byte for byte.
func TestDocumentIsServedAsItIs(t *testing.T) {
	d := describe(t, databasetest.New(t), servicetest.Options{}, nil)
	resp := d.do(t, call{method: "GET", path: "/v1/openapi.yaml", header: "Bearer:", code: 200, answer: ".*"})
	if resp.ContentLength != int64(len(docs.OpenAPI)) {
		t.Errorf("%d bytes, want %d", resp.ContentLength, len(docs.OpenAPI))
	}
}

// TestOperatorsRoutesAreDescribed: what they answer, and how they refuse.
func TestOperatorsRoutesAreDescribed(t *testing.T) {
	d := describe(t, databasetest.New(t), servicetest.Options{Max: 2}, nil)
	if err := d.DB.Register(t.Context(), d.Process); err != nil {
		t.Fatal(err)
	}
	d.do(t, call{method: "PUT", code: 202, answer: started})
	const admin = "/v1/admin/"
	for _, a := range []ask{
		{method: "POST", path: admin + "hosts/host0/drain", body: `{"reason":"fan"}`, code: 200, fields: "host sessions"},
		{method: "GET", path: admin + "hosts", code: 200, fields: "hosts"},
		{method: "GET", path: admin + "status", code: 200, fields: "free processes sentence sessions takesSessions warm wrong"},
		{method: "POST", path: admin + "hosts/host0/undrain", code: 200, fields: "host"},
		{method: "POST", path: admin + "hosts/host0/undrain", code: 409, problem: "not-drained"},
		{method: "POST", path: admin + "hosts/host7/drain", code: 404},
		{method: "POST", path: admin + "pause", body: `{"reason":"Later."}`, code: 200, fields: "reason since"},
		{method: "POST", path: admin + "pause", body: `[]`, code: 400, problem: "bad-request"},
		{method: "POST", path: admin + "pause", body: `{"reason":"Later."} or now`, code: 400, problem: "bad-request"},
		{method: "POST", path: admin + "pause", body: `{"reason":"` + strings.Repeat("x", 64<<10) + `"}`, code: 413, problem: "too-large"},
		{method: "GET", path: admin + "hosts", code: 200, fields: "hosts paused"},
		{method: "GET", path: admin + "status", code: 200, fields: "free paused processes sentence sessions takesSessions warm wrong"},
		{method: "POST", path: "/v1/sessions", token: token, header: "User-Agent: other", code: 503, problem: "paused", headers: `Retry-After: 30`},
		{method: "POST", path: admin + "resume", code: 200},
		{method: "POST", path: admin + "resume", code: 409, problem: "not-paused"},
		{method: "GET", path: admin + "accounts", code: 200, fields: "accounts"},
		{method: "POST", path: admin + "accounts", body: `{"name":"anna","note":"room 7"}`, code: 200, fields: "name password"},
		{method: "POST", path: admin + "accounts", body: `{"name":"anna"}`, code: 409, problem: "account-exists"},
		{method: "POST", path: admin + "accounts", body: `{"name":"Anna"}`, code: 400, problem: "bad-request"},
		{method: "POST", path: admin + "accounts/anna/password", body: `{"password":"tell-nobody"}`, code: 200, fields: "name"},
		{method: "POST", path: admin + "accounts/anna/password", code: 200, fields: "name password"},
		{method: "POST", path: admin + "accounts/bert/password", code: 404, problem: "no-such-account"},
		{method: "PATCH", path: admin + "accounts/anna", body: `{"maxSessions":3}`, code: 200, fields: "created disabled maxSessions name note"},
		{method: "PATCH", path: admin + "accounts/anna", body: `{"maxsession":3}`, code: 400, problem: "bad-request"},
		{method: "PATCH", path: admin + "accounts/bert", body: `{}`, code: 404, problem: "no-such-account"},
		{method: "POST", path: admin + "accounts/anna/disable", code: 200, fields: "name sessions"},
		{method: "POST", path: admin + "accounts/bert/disable", code: 404, problem: "no-such-account"},
		{method: "POST", path: admin + "accounts/anna/enable", code: 200, fields: "name"},
		{method: "POST", path: admin + "accounts/bert/enable", code: 404, problem: "no-such-account"},
		{method: "POST", path: admin + "accounts/import", body: `{"htpasswd":"bert:$2y$04$....................................................."}`, code: 200, fields: "added replaced"},
		{method: "POST", path: admin + "accounts/import", body: `{"htpasswd":"bert"}`, code: 422, problem: "bad-import"},
		{method: "GET", path: admin + "accounts", code: 200, fields: "accounts"},
		{method: "DELETE", path: admin + "accounts/anna", code: 200, fields: "name sessions"},
		{method: "DELETE", path: admin + "accounts/anna", code: 404, problem: "no-such-account"},
		{method: "GET", path: admin + "processes", code: 200, fields: "processes"},
		{method: "GET", path: admin + "sessions?client=127.0.0.1&older-than=0s", code: 200, fields: "sessions"},
		{method: "GET", path: admin + "sessions?hsot=a", code: 400, problem: "bad-request"},
		{method: "DELETE", path: admin + "sessions/1", code: 200},
		{method: "DELETE", path: admin + "sessions/1", code: 404, problem: "no-such-session"},
	} {
		if a.token == "" {
			a.token = adminToken
		}
		d.ask(t, a)
	}
}

// TestOutageIsAsDescribed: of a service that has lost its database.
func TestOutageIsAsDescribed(t *testing.T) {
	t.Parallel()
	d := describe(t, databasetest.New(t), servicetest.Options{}, nil)
	d.DB.DB.Close()
	d.ask(t, ask{method: "GET", path: "/v1/admin/status", token: adminToken, code: 200, fields: "outage processes sentence takesSessions wrong"})
	d.ask(t, ask{method: "GET", path: "/v1/admin/sessions", token: adminToken, code: 503, problem: "unavailable"})
	d.ask(t, ask{method: "POST", path: "/v1/admin/reload", token: adminToken, code: 200, fields: "changed joined leaving process restart"})
}
