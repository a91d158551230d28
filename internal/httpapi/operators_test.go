package httpapi_test

import (
	"context"
	"strings"
	"testing"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service/servicetest"
)

// reloaded is the answer of a service whose hosts have not changed.
func reloaded(context.Context) (operator.Reloaded, error) {
	return operator.Reloaded{Process: "distributor", Joined: []string{}, Changed: []string{}, Leaving: []operator.Leaving{}, Restart: []string{}}, nil
}

// TestOperatorsRoutesAreGuarded: all of them, and by the operator's token only.
func TestOperatorsRoutesAreGuarded(t *testing.T) {
	b := newBench(t, databasetest.New(t), servicetest.Options{})
	for _, r := range operator.Routes() {
		method, path, _ := strings.Cut(r, " ")
		path = strings.NewReplacer("{host}", "host0", "{id}", "7", "{name}", "nobody").Replace(path)
		b.do(t, call{method: method, path: path, header: "Bearer:", code: 401, answer: problem, headers: `Www-Authenticate: Bearer`})
		b.do(t, call{method: method, path: path, code: 403, answer: problem})
		code, answer := 200, `{.*}\n`
		switch {
		case strings.HasSuffix(path, "/7"):
			code, answer = 404, `.*problem:no-such-session.*"request":"[A-Z2-7]{10}"}\n`
		case strings.Contains(path, "/nobody"):
			code, answer = 404, `.*problem:no-such-account.*"request":"[A-Z2-7]{10}"}\n`
		case method == "POST" && strings.HasSuffix(path, "/accounts"):
			code, answer = 400, problem
		case strings.HasSuffix(path, "/import"):
			code, answer = 422, problem
		}
		b.do(t, call{method: method, path: path, header: "Bearer:|Authorization: Bearer " + adminToken, code: code, answer: answer})
	}
	if paused, err := b.Sessions.Now(t.Context()); err != nil || paused.Pause != nil {
		t.Errorf("after pause and resume: %+v, %v", paused.Pause, err)
	}
	if err := operator.AskTCP(t.Context(), strings.TrimPrefix(b.url, "http://"), adminToken, operator.Call{Method: "POST", Path: operator.DrainPath("[2001:db8::7]:2222")}, new(any)); err == nil || !strings.Contains(err.Error(), "not configured: [2001:db8::7]:2222;") {
		t.Errorf("a host's name with brackets: %v, want that it is not configured", err)
	}
	b.do(t, call{method: "POST", path: "/v1/admin/reload", header: basic(adminToken), code: 403, answer: problem})
	b.do(t, call{method: "GET", path: "/v1/admin/nonsense", code: 404, answer: page})
	b.do(t, call{method: "GET", path: "/v1/admin/pause", header: "Bearer:|Authorization: Bearer " + adminToken, code: 405, answer: problem, headers: `Allow: POST`})
}
