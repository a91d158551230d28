package operator_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/service/servicetest"
)

// said is a status as a text of its sentence, and a line for each thing that is wrong.
func said(s operator.Status) string {
	text := fmt.Sprintf("%t %s", s.Takes, s.Sentence)
	for _, w := range s.Wrong {
		text += "\n" + w.What + " -> " + w.Mend
	}
	return text
}

// wantSaid checks a status for texts, in this order.
func wantSaid(t *testing.T, when string, h http.Handler, texts ...string) {
	t.Helper()
	got := said(get[operator.Status](t, h, operator.Call{Path: operator.StatusPath}))
	rest := got
	for _, text := range texts {
		_, after, found := strings.Cut(rest, text)
		if !found {
			t.Errorf("%s: the status is\n%s\nwant %q in it, in this order", when, got, texts)
			return
		}
		rest = after
	}
}

// TestStatusSaysWhatIsWrongAndWhatMendsIt: each thing, the worst first, and nothing when it
// is mended.
func TestStatusSaysWhatIsWrongAndWhatMendsIt(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Hosts: 3, Max: 1})
		var writes error
		cfg := operator.Config{
			Sessions: k.Sessions, Store: k.Store, Processes: db.Known, DB: db, Accounts: k.Accounts, StopNow: k.Reaper.StopNow,
			Writable: func(context.Context) error { return writes },
		}
		wantSaid(t, "nobody works with the database", operator.Handler(cfg), "false Nobody gets a new session: no distributor works", "-> systemctl start")
		cfg.Process = k.Process
		h := operator.Handler(cfg)
		k.Pool.CheckHealth(t.Context())
		const fine = "true A client can get a session now: 3 slots are free."
		if got := said(get[operator.Status](t, h, operator.Call{Path: operator.StatusPath})); got != fine {
			t.Errorf("the status is %q, want %q", got, fine)
		}

		drain(t, k, "host2", "fan")
		k.Hosts[1].SetImage(false)
		if err := k.Hosts[0].SetDown(true); err != nil {
			t.Fatal(err)
		}
		k.Pool.CheckHealth(t.Context())
		wantSaid(t, "no host takes sessions", h, "false Nobody gets a new session: no host takes sessions.",
			"Host host0 is down since ", "-> distributor hosts check host0", "Host host1 takes no sessions: image missing", "-> distributor hosts pull host1",
			"Host host2 is drained since ", ": fan. -> distributor hosts undrain host2")
		if err := k.Hosts[0].SetDown(false); err != nil {
			t.Fatal(err)
		}
		k.Pool.CheckHealth(t.Context())
		wantSaid(t, "one host is up again", h, "true A client can get a session now: 1 slot is free.", "Host host1", "Host host2")
		allocate(t, k, amiga)
		wantSaid(t, "it is full", h, "false Nobody gets a new session: all is full.", "-> distributor sessions list --unused")

		if _, err := db.Exec(`UPDATE sessions SET containerHost = 'old.example'`); err != nil {
			t.Fatal(err)
		}
		wantSaid(t, "a host is not configured any more", h, "Host old.example has 1 session, and is not configured", "-> cleanup --forget-host old.example")
		if _, err := db.Exec(`UPDATE pool SET cleanedAt = '2024-06-01 10:00:00'`); err != nil {
			t.Fatal(err)
		}
		wantSaid(t, "nobody cleans", h, "Nobody has cleaned up since 2024-06-01 10:00:00 UTC", "-> cleanup\n", "Host old.example")
		if _, err := k.Reaper.Reconcile(t.Context(), reaper.Options{}); err != nil {
			t.Fatal(err)
		}
		if got := said(get[operator.Status](t, h, operator.Call{Path: operator.StatusPath})); strings.Contains(got, "cleaned up") {
			t.Errorf("after a pass the status is %q", got)
		}
		writes = errors.New("read-only")
		wantSaid(t, "the database is read-only", h, "false Nobody gets a new session: the database takes no writes.", "takes no writes: read-only. ", " -> distributor config check")
		if err := k.Store.Pause(t.Context(), "Until noon."); err != nil {
			t.Fatal(err)
		}
		wantSaid(t, "it is paused", h, "false Nobody gets a new session: paused since ", "Until noon. -> distributor resume", "takes no writes", "Host host1")
	})
}

// TestProcessesOfTheDay: which live, which ended, and which were killed. Of the killed,
// only those are missed that nobody has replaced; with another pool only those that live.
func TestProcessesOfTheDay(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{})
		h := handler(t, k)
		for i, p := range []struct{ machine, pool string }{
			{"a (process 1)", "old"}, {"b (process 2)", "old"}, {"c (process 3)", "old"}, {"a (process 4)", k.Process.Pool}, {"d (process 5)", "other"},
		} {
			one := k.Process
			one.ID, one.Machine, one.Pool = fmt.Sprintf("%032d", i+1), p.machine, p.pool
			if i == 3 {
				one.ID = k.Process.ID
			}
			register(t, db, one)
		}
		for query, machines := range map[string]string{"seen": "a (process 1)|b (process 2)", "started": "a (process 1)|b (process 2)|c (process 3)"} {
			for m := range strings.SplitSeq(machines, "|") {
				if _, err := db.Exec(`UPDATE processes SET `+query+` = `+db.SecondsAgo()+` WHERE machine = ?`, 3600, m); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := db.EndProcess(t.Context(), fmt.Sprintf("%032d", 3)); err != nil {
			t.Fatal(err)
		}
		states := make(map[string]string)
		for _, p := range get[operator.Processes](t, h, operator.Call{Path: operator.ProcessesPath}).Processes {
			states[p.Machine] = fmt.Sprint(p.State, " ", p.Answers, " ", !p.Stopped.IsZero())
		}
		want := map[string]string{
			"a (process 1)": "silent false false", "b (process 2)": "silent false false", "c (process 3)": "stopped false true",
			"a (process 4)": "running true false", "d (process 5)": "running false false",
		}
		if fmt.Sprint(states) != fmt.Sprint(want) {
			t.Errorf("processes are %v, want %v", states, want)
		}
		s := get[operator.Status](t, h, operator.Call{Path: operator.StatusPath})
		if got := said(s); len(s.Processes) != 2 || strings.Contains(got, "a (process 1) was") || !strings.Contains(got, "b (process 2) was last seen") || !strings.Contains(got, "d (process 5) works with another pool") {
			t.Errorf("the status is\n%s\nwith %d processes; want 2, that b is missed and a is not, and what d works with", got, len(s.Processes))
		}
	})
}

func register(t *testing.T, db *database.DB, p database.Process) {
	t.Helper()
	if err := db.Register(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

func drain(t *testing.T, k *servicetest.Kit, host, reason string) {
	t.Helper()
	if err := k.Store.Drain(t.Context(), host, reason); err != nil {
		t.Fatal(err)
	}
}
