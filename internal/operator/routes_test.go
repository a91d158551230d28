package operator_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

var (
	amiga = session.Client{IP: "192.0.2.1", UserAgent: "AmiFox/1.0 (a1200)"}
	atari = session.Client{IP: "192.0.2.2", UserAgent: "AmiFox/1.0 (falcon)"}
)

func allocate(t *testing.T, k *servicetest.Kit, c session.Client) *session.Session {
	t.Helper()
	s, _, err := k.Sessions.Allocate(t.Context(), c, false)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// get asks a handler, and returns its answer.
func get[T any](t *testing.T, h http.Handler, c operator.Call) (answer T) {
	t.Helper()
	if err := operator.AskHandler(t.Context(), h, c, &answer); err != nil {
		t.Fatalf("%s %s: %v", c.Method, c.Path, err)
	}
	return answer
}

// wantProblem checks that a call is refused, by name and with a text.
func wantProblem(t *testing.T, h http.Handler, c operator.Call, name, text string) {
	t.Helper()
	err := operator.AskHandler(t.Context(), h, c, new(any))
	p, ok := errors.AsType[*operator.Problem](err)
	if !ok || p.Name() != name || !strings.Contains(p.Detail, text) {
		t.Errorf("%s %s?%s: %v, want the problem %s with %q", c.Method, c.Path, c.Query.Encode(), err, name, text)
	}
}

// ids lists sessions as "1:running 2:warm".
func ids(l operator.SessionList) string {
	var parts []string
	for _, s := range l.Sessions {
		parts = append(parts, fmt.Sprintf("%d:%s", s.ID, s.State))
	}
	return strings.Join(parts, " ")
}

// TestSessionsAreChosenAndStopped: by whom they are, where, and how old; the answer to a
// stop comes when the container is gone.
func TestSessionsAreChosenAndStopped(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Hosts: 2, Max: 2})
		h := handler(t, k)
		first, second := allocate(t, k, amiga), allocate(t, k, atari)
		if started, err := k.Sessions.StartWarm(t.Context(), "host1", false, 1); !started || err != nil {
			t.Fatalf("StartWarm = %t, %v", started, err)
		}
		if _, err := db.Exec(`UPDATE sessions SET started = `+db.SecondsAgo()+` WHERE id = ?`, 7200, second.ID); err != nil {
			t.Fatal(err)
		}
		name := first.ClientName()
		hash := name[strings.Index(name, "#")+1:]
		for _, tt := range []struct {
			filter operator.Filter
			want   string
		}{
			{operator.Filter{}, "1:running 2:running 3:warm"},
			{operator.Filter{Host: "host0"}, "1:running 2:running"},
			{operator.Filter{Host: "host7"}, ""},
			{operator.Filter{Client: "192.0.2.1"}, "1:running"},
			{operator.Filter{Client: "::ffff:192.0.2.1"}, "1:running"},
			{operator.Filter{Client: name}, "1:running"},
			{operator.Filter{Client: hash}, "1:running"},
			{operator.Filter{Client: "#" + strings.ToUpper(hash)}, "1:running"},
			{operator.Filter{Client: "192.0.2"}, ""},
			{operator.Filter{OlderThan: time.Hour}, "2:running"},
			{operator.Filter{OlderThan: time.Hour, Client: "192.0.2.1"}, ""},
		} {
			if got := ids(get[operator.SessionList](t, h, operator.Call{Path: operator.SessionsPath, Query: tt.filter.Query()})); got != tt.want {
				t.Errorf("%+v chooses %q, want %q", tt.filter, got, tt.want)
			}
		}
		for _, q := range []string{"hsot", "older-than"} {
			wantProblem(t, h, operator.Call{Path: operator.SessionsPath, Query: map[string][]string{q: {"soon"}}}, "bad-request", "older-than")
		}
		stop := operator.Call{Method: http.MethodDelete, Path: operator.SessionPath(first.ID)}
		if was := get[operator.Session](t, h, stop); was.ID != first.ID || was.Client != name || was.UserAgent != amiga.UserAgent || k.Running() != 2 {
			t.Errorf("stopped %+v, and %d containers run; want the first's session, and 2", was, k.Running())
		}
		wantProblem(t, h, stop, "no-such-session", "1")
		stop.Path = operator.SessionsPath + "/x"
		wantProblem(t, h, stop, "no-such-session", "x")
		if s := allocate(t, k, amiga); s.ID == first.ID {
			t.Error("the client has its session still")
		}
	})
}

// TestSessionsOfAccountsAreChosen: of one device, of all, and of visitors by their address.
func TestSessionsOfAccountsAreChosen(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Max: 9})
	h := handler(t, k)
	for _, c := range []session.Client{
		session.AccountUser("anna", "", 2), session.AccountUser("anna", "second", 2), session.AccountUser("192.0.2.1", "", 1),
		session.Visitor("one", "192.0.2.1", 1), amiga,
	} {
		allocate(t, k, c)
	}
	for _, tt := range []struct {
		filter operator.Filter
		want   string
	}{
		{operator.Filter{Account: "anna"}, "1:running 2:running"},
		{operator.Filter{Account: "ann"}, ""},
		{operator.Filter{Account: "@192.0.2.1"}, "4:running"},
		{operator.Filter{Client: "anna/second"}, "2:running"},
		{operator.Filter{Client: "anna"}, "1:running"},
		{operator.Filter{Client: "192.0.2.1"}, "3:running 4:running 5:running"},
		{operator.Filter{Client: "account"}, ""},
	} {
		list := get[operator.SessionList](t, h, operator.Call{Path: operator.SessionsPath, Query: tt.filter.Query()})
		if got := ids(list); got != tt.want {
			t.Errorf("%+v chooses %q, want %q", tt.filter, got, tt.want)
		}
		for _, s := range list.Sessions {
			if (s.Account == "") != (s.UserAgent != "") {
				t.Errorf("%+v has an account and a User-Agent, or neither", s)
			}
		}
	}
}

// TestStopSaysWhatIsLeft: the client is free of the session, though its host is not there.
func TestStopSaysWhatIsLeft(t *testing.T) {
	db := databasetest.New(t)
	k := servicetest.New(t, db, servicetest.Options{})
	s := allocate(t, k, amiga)
	if err := k.Hosts[0].SetDown(true); err != nil {
		t.Fatal(err)
	}
	stop := operator.Call{Method: http.MethodDelete, Path: operator.SessionPath(s.ID), Timeout: time.Minute}
	wantProblem(t, handler(t, k), stop, "host-unreachable", "host0 does not answer")
	if _, err := db.Exec(`UPDATE sessions SET containerHost = 'old.example'`); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, handler(t, k), stop, "unknown-host", "cleanup --forget-host old.example")
}

// TestHostsAreDrained: by a name with brackets and colons too.
func TestHostsAreDrained(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		list := servicetest.StartHosts(t, 1, pretend.Config{})
		cfg := servicetest.Configure(t, list, servicetest.Options{})
		const host = "[2001:db8::7]:2222"
		cfg.Hosts[0].Name = host
		k := &servicetest.Kit{Service: servicetest.Open(t, db, cfg), Hosts: list, Config: cfg}
		h := handler(t, k)
		allocate(t, k, amiga)
		post := func(path, reason string) operator.Call {
			return operator.Call{Method: http.MethodPost, Path: path, Body: operator.Because(reason)}
		}
		if got := get[operator.Drain](t, h, post(operator.DrainPath(host), "fan")); got != (operator.Drain{Host: host, Sessions: 1}) {
			t.Errorf("drain answers %+v", got)
		}
		if all := get[operator.Hosts](t, h, operator.Call{Path: operator.HostsPath}); all.TakesSessions() || all.Hosts[0].Drained == nil || all.Hosts[0].Drained.Reason != "fan" {
			t.Errorf("hosts are %+v, want one that is drained: fan", all)
		}
		wantProblem(t, h, post(operator.DrainPath("c.example"), ""), "unknown-host", "configured are: "+host)
		get[any](t, h, post(operator.UndrainPath(host), ""))
		wantProblem(t, h, post(operator.UndrainPath(host), ""), "not-drained", host)
	})
}

// TestPauseAndResume through the routes.
func TestPauseAndResume(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{})
		h := handler(t, k)
		pause := operator.Call{Method: http.MethodPost, Path: operator.PausePath, Body: operator.Because("Until noon.")}
		if p := get[operator.Paused](t, h, pause); p.Reason != "Until noon." || p.Since.IsZero() {
			t.Errorf("pause answers %+v", p)
		}
		if all := get[operator.Hosts](t, h, operator.Call{Path: operator.HostsPath}); all.Paused == nil || all.Paused.Reason != "Until noon." {
			t.Errorf("hosts are %+v, want that sessions are paused", all)
		}
		pause.Body = nil
		if p := get[operator.Paused](t, h, pause); p.Reason != session.DefaultPause {
			t.Errorf("a pause without a reason answers %+v", p)
		}
		for _, tt := range []struct {
			body any
			want string
		}{
			{[]string{"x"}, "bad-request"},
			{map[string]string{"reson": "Until one."}, "bad-request"},
			{operator.Because(strings.Repeat("x", 64<<10)), "too-large"},
		} {
			pause.Body = tt.body
			wantProblem(t, h, pause, tt.want, "body")
		}
		if all := get[operator.Hosts](t, h, operator.Call{Path: operator.HostsPath}); all.Paused == nil || all.Paused.Reason != session.DefaultPause {
			t.Errorf("after bodies that are none: %+v, want the pause as it was", all.Paused)
		}
		get[any](t, h, operator.Call{Method: http.MethodPost, Path: operator.ResumePath})
		wantProblem(t, h, operator.Call{Method: http.MethodPost, Path: operator.ResumePath}, "not-paused", "not paused")
	})
}

// TestUnknownRoutes are no answers of the service that was meant; wrong methods are told
// the right one.
func TestUnknownRoutes(t *testing.T) {
	h := handler(t, servicetest.New(t, databasetest.New(t), servicetest.Options{}))
	if err := operator.AskHandler(t.Context(), h, operator.Call{Path: "/v1/admin/nonsense"}, new(any)); !errors.Is(err, operator.ErrNobody) {
		t.Errorf("an unknown route: %v, want ErrNobody", err)
	}
	wantProblem(t, h, operator.Call{Path: operator.PausePath}, "method-not-allowed", "POST")
}
