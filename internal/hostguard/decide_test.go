package hostguard

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// TestWhatEnginesAreAsked: what is let through reaches the engine in our words: by the id of
// the container, with the label of this host, and without what was not understood.
func TestWhatEnginesAreAsked(t *testing.T) {
	const ours = `{"label":{"wrpdistributor.database=` + testDatabase + `":true}}`
	events := `{"event":{"create":true,"destroy":true,"die":true,"start":true},"label":{"wrpdistributor.database=` + testDatabase + `":true},"type":{"container":true}}`
	s, engine := newPretendSite(t)
	for _, tt := range []struct{ raw, want string }{
		{ask("GET", "/_ping"), "GET /_ping "},
		{ask("GET", "/_ping", "Cookie: x", "X-Registry-Auth: x"), "GET /_ping "},
		{ask("GET", "/v1.99/version"), "GET /v1.99/version "},
		{ask("GET", "/v1.41/containers/json"), "GET /v1.41/containers/json?filters=" + url.QueryEscape(ours) + " "},
		{ask("GET", "/v1.41/containers/json?filters="+url.QueryEscape(ours)+"&all=1"), "GET /v1.41/containers/json?all=1&filters=" + url.QueryEscape(ours) + " "},
		{ask("GET", "/v1.41/events"), "GET /v1.41/events?filters=" + url.QueryEscape(events) + " "},
		{ask("GET", "/v1.41/containers/{ours}/json"), "GET /v1.41/containers/" + oursID + "/json "},
		{ask("POST", "/v1.41/containers/{ours}/stop?t=%32", "Content-Length: 0"), "POST /v1.41/containers/" + oursID + "/stop?t=2 "},
		{ask("DELETE", "/v1.41/containers/wrp_ours?v=1"), "DELETE /v1.41/containers/" + oursID + "?v=1 "},
		{ask("DELETE", "/v1.41/containers/wrp_ours?force=1"), "DELETE /v1.41/containers/" + oursID + "?force=1&v=1 "},
		{ask("POST", "/v1.41/containers/wrp_doctor_x/start", "Content-Length: 0"), "POST /v1.41/containers/" + strings.Repeat("d", 64) + "/start "},
		{ask("POST", "/v1.41/images/create?fromImage=wrp-standin&tag=test", "Content-Length: 0"), "POST /v1.41/images/create?fromImage=docker.io%2Flibrary%2Fwrp-standin&tag=test "},
		{ask("GET", "/v1.41/images/wrp-standin:test/json"), "GET /v1.41/images/wrp-standin:test/json "},
	} {
		a := exchange(t, s.guard, s.fill(tt.raw))
		asked := engine.take()
		if a.status != 200 || len(asked) == 0 || asked[len(asked)-1] != tt.want {
			t.Errorf("%q is answered %d %s, and the engine was asked %q, want %q", tt.raw, a.status, a.body, asked, tt.want)
		}
	}
}

// TestContainerIsMadeAnew: the body that an engine gets is one that we write.
func TestContainerIsMadeAnew(t *testing.T) {
	s, engine := newPretendSite(t)
	text := strings.Replace(goodCreate, `{"Image"`, `{ "Hostname" : "" , "Env":[], "Volumes":{}, "Image"`, 1)
	text = strings.Replace(text, `"NetworkMode"`, `"Privileged":false,"Binds":null,"RestartPolicy":{"Name":"","MaximumRetryCount":0},"ConsoleSize":[0,0],"NetworkMode"`, 1)
	a := exchange(t, s.guard, post(createTarget, text))
	asked := engine.take() // how many there are, and for this one
	if a.status != 201 || !strings.Contains(a.body, madeID) || len(asked) != 2 {
		t.Fatalf("answered %d %s, and the engine was asked %q", a.status, a.body, asked)
	}
	body, ok := strings.CutPrefix(asked[1], "POST "+createTarget+" ")
	var got, want any
	if err := json.Unmarshal([]byte(body), &got); err != nil || !ok {
		t.Fatalf("the engine was asked %q: %v", asked[1], err)
	}
	if err := json.Unmarshal([]byte(goodCreate), &want); err != nil {
		t.Fatal(err)
	}
	gotText, _ := json.Marshal(got)
	wantText, _ := json.Marshal(want)
	if string(gotText) != string(wantText) {
		t.Errorf("the engine got %s, want %s", gotText, wantText)
	}
	if a := exchange(t, s.guard, ask("GET", "/v1.41/containers/"+madeID+"/json")); a.status != 404 || len(engine.take()) != 1 {
		t.Errorf("what was made here is looked up before it is asked for: %d", a.status)
	}
}

// TestAnswersAreThoseOfTheEngine: what an engine says passes, its errors too.
func TestAnswersAreThoseOfTheEngine(t *testing.T) {
	s, _ := newPretendSite(t)
	for target, want := range map[string]answered{
		"/v1.41/containers/nothing/json":   {404, `{"message":"No such container: nothing"}`},
		"/v1.41/containers/wrp_other/json": {403, `{"message":"hostguard: database 00000000: this host is for containers of database 01234567 `},
	} {
		if got := exchange(t, s.guard, ask("GET", target)); got.status != want.status || !strings.HasPrefix(got.body, want.body) {
			t.Errorf("%s is answered %v, want %v", target, got, want)
		}
	}
}
