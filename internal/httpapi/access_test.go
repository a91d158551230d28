package httpapi_test

import (
	"encoding/base64"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"testing"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/httpapi"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service/servicetest"
)

const previousToken = "0ld"

// serve returns a bench like that of newBench with every token there is, changed as
// given.
func serve(t *testing.T, k *servicetest.Kit, change func(*httpapi.Config)) *bench {
	t.Helper()
	lines := &logged{t: t}
	log := slog.New(slog.NewTextHandler(lines, nil))
	cfg := httpapi.Config{
		Sessions: k.Sessions, Pool: k.Pool,
		Writable:  func() error { return nil },
		Guard:     auth.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, log),
		AuthToken: token, PreviousToken: previousToken, AdminToken: adminToken,
		Log:       log,
		Operators: operator.Handler(operator.Config{Sessions: k.Sessions, Store: k.Store, Processes: k.DB.Known, DB: k.DB, Accounts: k.Accounts, StopNow: k.Reaper.StopNow, Reload: reloaded, Log: log}),
	}
	if change != nil {
		change(&cfg)
	}
	api := httpapi.New(cfg)
	srv := httptest.NewServer(api)
	t.Cleanup(srv.Close)
	return &bench{k, api, srv.URL, lines}
}

func basic(password string) string {
	return "Bearer:|Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("anybody:"+password))
}

// TestWhoMayReadAndWrite: a browser's way of saying who it is is good for reading only,
// and for clients not at all on "/", whose contract knows none.
func TestWhoMayReadAndWrite(t *testing.T) {
	b := serve(t, servicetest.New(t, databasetest.New(t), servicetest.Options{}), nil)
	const hosts = "/v1/admin/hosts"
	challenges := `(?s)Www-Authenticate: Bearer realm="wrp-distributor"\r\nWww-Authenticate: Basic realm="wrp-distributor", charset="UTF-8"`
	named := func(name string) string {
		return `{"type":"urn:wrp-distributor:problem:` + name + `",.*"request":"[A-Z2-7]{10}"}` + "\n"
	}
	for _, c := range []call{
		{method: "GET", path: hosts, header: "Bearer:", code: 401, answer: named("unauthorized"), headers: challenges},
		{method: "GET", path: hosts, header: basic(adminToken), code: 200, answer: ".*"},
		{method: "HEAD", path: hosts, header: basic(adminToken), code: 200},
		{method: "POST", path: hosts, header: basic(adminToken), code: 403, answer: named("read-only")},
		{method: "GET", path: hosts, header: basic(token), code: 403, answer: named("forbidden")},
		{method: "GET", path: hosts, header: basic(previousToken), code: 403, answer: named("forbidden")},
		{method: "GET", path: hosts, header: basic("guess"), code: 401, answer: named("unauthorized"), headers: challenges},
		{method: "GET", path: hosts, header: basic(""), code: 401, answer: named("unauthorized"), headers: challenges},
		{method: "GET", path: hosts, header: "Bearer: guess|" + basic(adminToken)[len("Bearer:|"):], code: 401, answer: named("unauthorized")},
		{method: "GET", header: basic(token), code: 401},
		{method: "GET", header: "Bearer: " + adminToken, code: 401},
		{method: "HEAD", header: "Bearer:|Authorization: Bearer " + previousToken, code: 204},
		{method: "PUT", header: "Bearer:|Bearer: " + previousToken, code: 202, answer: started},
		{method: "PUT", code: 204, headers: given}, // the same client
		{method: "DELETE", header: "Bearer:|Bearer: " + previousToken, code: 202},
	} {
		b.do(t, c)
	}
	if got := b.log.count("operator authentication failed"); got != 3 {
		t.Errorf("%d failures of operators are logged, want those 3 that showed a wrong token", got)
	}
	without := serve(t, b.Kit, func(c *httpapi.Config) { c.PreviousToken, c.AdminToken = "", "" })
	without.do(t, call{method: "HEAD", header: "Bearer:|Bearer: " + previousToken, code: 401})
	without.do(t, call{method: "HEAD", header: "Bearer: ", code: 401})
	without.do(t, call{method: "GET", path: hosts, header: basic(""), code: 404, answer: page})
}
