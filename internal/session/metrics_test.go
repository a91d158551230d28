package session_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/metricstest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// scrape reads what all parts of a service tell monitoring.
func scrape(t *testing.T, k *servicetest.Kit) metricstest.Series {
	t.Helper()
	return metricstest.Read(t, k.Sessions.Metrics(), k.Pool.Metrics(), k.Journal.Metrics(), k.DB.Metrics(), k.Reaper.Metrics())
}

func refused(t *testing.T, k *servicetest.Kit, c session.Client) {
	t.Helper()
	if s, _, err := k.Sessions.Allocate(t.Context(), c, false); err == nil {
		t.Errorf("%s got session %d", c.UserAgent, s.ID)
	}
}

// TestMetricsFollowSessions through their lives, and clients who get none.
func TestMetricsFollowSessions(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Hosts: 2, Max: 1})
		scrape(t, k).Want(t, "at first", metricstest.Series{
			`sessions{host="host0",state="running"}`: 0, `slots_free{host="host0"}`: 1, `host_slots{host="host0"}`: 1,
			`session_refusals_total{reason="full"}`: 0, `sessions_ended_total{reason="not used"}`: 0, `host_start_failures_total{host="host1"}`: 0,
			`overview_up`: 1, `paused`: 0, `sessions_on_unknown_hosts`: 0,
		})

		mustAllocate(t, k, amiga, true)
		mustAllocate(t, k, amiga, false)
		got := scrape(t, k)
		got.Want(t, "with a session", metricstest.Series{
			`sessions{host="host0",state="running"}`: 1, `sessions{host="host0",state="starting"}`: 0, `slots_free{host="host0"}`: 0, `slots_free{host="host1"}`: 1,
			`session_ready_duration_seconds{source="miss"}`: 1, `session_start_step_duration_seconds{step="create"}`: 1,
			`warm_takes_total{result="miss"}`: 1, `host_starts_total{host="host0"}`: 1, `session_resumes_total`: 1,
		})
		if got[`wrpdistributor_database_call_duration_seconds{kind="statement"}`] == 0 || got[`wrpdistributor_database_call_duration_seconds{kind="transaction"}`] == 0 {
			t.Error("nothing that the database was asked is measured")
		}

		k.Hosts[1].FailNext(pretend.OpStart, 500, "something is wrong", 1)
		refused(t, k, st)
		must(t, k.Store.Drain(t.Context(), "host0", ""))
		must(t, k.Store.Drain(t.Context(), "host1", ""))
		refused(t, k, st)
		must(t, k.Store.Pause(t.Context(), "later"))
		refused(t, k, st)
		scrape(t, k).Want(t, "after refusals", metricstest.Series{
			`session_refusals_total{reason="full"}`: 1, `session_refusals_total{reason="no-host"}`: 1, `session_refusals_total{reason="paused"}`: 1,
			`start_failures_total{reason="other"}`: 1, `host_start_failures_total{host="host1"}`: 1, `host_start_failures_total{host="host0"}`: 0,
			`host_drained{host="host0"}`: 1, `slots_free{host="host1"}`: 0, `paused`: 1,
		})

		unused(t, k, 601)
		_, err := k.Reaper.Reconcile(t.Context(), reaper.Options{Idle: 10 * time.Minute})
		must(t, err)
		_, err = k.Store.Resume(t.Context())
		must(t, err)
		for _, host := range []string{"host0", "host1"} {
			_, err = k.Store.Undrain(t.Context(), host)
			must(t, err)
		}
		mustAllocate(t, k, amiga, true)
		must(t, k.Sessions.Stop(t.Context(), amiga))
		mustAllocate(t, k, atari, true)
		exec(t, k, `UPDATE sessions SET containerHost = 'removed.example'`)
		mustAllocate(t, k, st, true) // on the other host; and the pool's state is asked for anew
		scrape(t, k).Want(t, "after ends", metricstest.Series{
			`sessions_ended_total{reason="not used"}`: 1, `sessions_ended_total{reason="ended by its client"}`: 1,
			`sessions_on_unknown_hosts`: 1, `sessions{host="host0",state="running"}`: 0, `sessions{host="host1",state="running"}`: 1,
		})
	})
}

// TestMetricsTellWhoFoundAWarmContainer, and who did not.
func TestMetricsTellWhoFoundAWarmContainer(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{})
	k.Pool.CheckHealth(t.Context())
	mustStartWarm(t, k, false, 1)
	scrape(t, k).Want(t, "while it waits", metricstest.Series{`sessions{host="host0",state="warm"}`: 1, `slots_free{host="host0"}`: 2, `warm_ups_total`: 1})
	mustAllocate(t, k, amiga, true)
	mustAllocate(t, k, atari, true)
	scrape(t, k).Want(t, "after two clients", metricstest.Series{
		`warm_takes_total{result="hit"}`: 1, `warm_takes_total{result="miss"}`: 1,
		`session_ready_duration_seconds{source="hit"}`: 1, `session_ready_duration_seconds{source="miss"}`: 1,
	})
	k.Hosts[0].FailNext(pretend.OpStart, 500, "something is wrong", 1)
	must(t, k.Sessions.Stop(t.Context(), amiga))
	if _, err := k.Sessions.StartWarm(t.Context(), "host0", false, 1); err == nil {
		t.Error("a container was warmed up that could not start")
	}
	scrape(t, k).Want(t, "after a warm-up that failed", metricstest.Series{`warm_up_failures_total`: 1, `start_failures_total{reason="other"}`: 1})
}

// TestMetricsCostTheOverviewOnly: the database is asked for what the pages of status ask
// for, once a second, however often somebody scrapes.
func TestMetricsCostTheOverviewOnly(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Hosts: 2, Warm: 1})
		mustAllocate(t, k, amiga, true)
		r := databasetest.Record(t, k.DB)
		_, err := k.Sessions.Now(t.Context())
		must(t, err)
		var overview []string
		for _, s := range r.Take() {
			overview = append(overview, s.Query)
		}
		began := time.Now()
		for range 50 {
			scrape(t, k)
		}
		seconds := int(time.Since(began)/time.Second) + 1
		asked := r.Take()
		for _, s := range asked {
			if !slices.Contains(overview, s.Query) {
				t.Errorf("a scrape asks %s", s.Query)
			}
		}
		if most := seconds * len(overview); len(overview) == 0 || len(asked) > most {
			t.Errorf("50 scrapes asked %d times, want %d times at most", len(asked), most)
		}
	})
}

// TestMetricsWithoutTheDatabase are those that need none.
func TestMetricsWithoutTheDatabase(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{})
		mustAllocate(t, k, amiga, true)
		r := databasetest.Record(t, k.DB)
		r.Before(func(string, []any) error { return mysql.ErrInvalidConn })
		if _, err := k.Sessions.Now(t.Context()); !errors.Is(err, mysql.ErrInvalidConn) {
			t.Fatalf("the database answers: %v", err)
		}
		refused(t, k, st)
		got := scrape(t, k)
		got.Want(t, "without a database", metricstest.Series{`overview_up`: 0, `host_up{host="host0"}`: 1, `session_refusals_total{reason="unavailable"}`: 1})
		if got[`wrpdistributor_database_errors_total{reason="unavailable"}`] == 0 {
			t.Error("no error of the database is counted")
		}
		for name := range got {
			if strings.Contains(name, "_sessions{") || strings.Contains(name, "slots_free") {
				t.Errorf("%s is told, and not known", name)
			}
		}
		r.Before(nil)
		scrape(t, k).Want(t, "afterwards", metricstest.Series{`overview_up`: 1, `sessions{host="host0",state="running"}`: 1})
	})
}

// TestMetricsDoNotGrow with the number of clients, whatever they are called and whatever
// befalls them.
func TestMetricsDoNotGrow(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{Max: 4})
	series := func() []string { return slices.Sorted(maps.Keys(scrape(t, k))) }
	before := series()
	for i := range 12 {
		c := session.Client{IP: fmt.Sprintf("192.0.2.%d", i), UserAgent: fmt.Sprintf(`AmiFox "%d"`, i)}
		k.Hosts[0].FailNext(pretend.OpStart, 500, fmt.Sprintf("error %d", i), i%2)
		if _, _, err := k.Sessions.Allocate(t.Context(), c, false); err == nil && i%3 == 0 {
			must(t, k.Sessions.Stop(t.Context(), c))
		}
	}
	if diff := cmp.Diff(before, series()); diff != "" {
		t.Errorf("series (-before +after):\n%s", diff)
	}
}

// TestMetricsOfHostsThatLeft end with them; one that comes has all of them at once.
func TestMetricsOfHostsThatLeft(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{Hosts: 2, Max: 1})
	about := func(host string) (n int) {
		_, err := k.Sessions.Now(t.Context()) // or the pool's state is that of the last second
		must(t, err)
		for name := range scrape(t, k) {
			if strings.Contains(name, `host="`+host+`"`) {
				n++
			}
		}
		return n
	}
	mustAllocate(t, k, amiga, true)
	mustAllocate(t, k, atari, true)
	before := about("host0")
	must(t, k.Sessions.Stop(t.Context(), amiga))
	must(t, k.Sessions.Stop(t.Context(), atari))
	_, err := k.Pool.Reconfigure(k.Config.Hosts[1:])
	must(t, err)
	if n := about("host0"); n != before {
		t.Errorf("of a host that is leaving %d series are told, want %d", n, before)
	}
	if !k.Pool.Dismiss("host0") {
		t.Fatal("the host does not leave")
	}
	if n := about("host0"); n != 0 {
		t.Errorf("of a host that has left %d series are told", n)
	}
	_, err = k.Pool.Reconfigure(k.Config.Hosts)
	must(t, err)
	if n := about("host0"); n != before {
		t.Errorf("of a host that came back %d series are told, want %d", n, before)
	}
	scrape(t, k).Want(t, "after it came back", metricstest.Series{`host_starts_total{host="host0"}`: 0, `host_starts_total{host="host1"}`: 1})
}
