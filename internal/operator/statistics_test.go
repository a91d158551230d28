package operator_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/statistics"
)

// TestStatisticsAreTold: of the week unless somebody says otherwise, as a whole and in
// steps.
func TestStatisticsAreTold(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		for _, row := range []struct{ hoursAgo, sessions, free int }{{200, 9, 0}, {100, 6, 2}, {99, 2, 6}, {1, 3, 1}} {
			_, err := db.Exec(`INSERT INTO statistics (activeSessions, containersRunningTotal, remainingContainersTotal, containerHostsAvailable, uniqueClientIps, containersInUsePerHost, timeOfCapture)
				VALUES (?, ?, ?, 2, 1, '{"a.example":2}', `+db.SecondsAgo()+`)`, row.sessions, row.sessions+1, row.free, row.hoursAgo*3600)
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := statistics.SumUp(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		h := handler(t, servicetest.New(t, db, servicetest.Options{}))
		ask := func(query string) operator.Statistics {
			t.Helper()
			values, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			all := get[operator.Statistics](t, h, operator.Call{Path: operator.StatisticsPath, Query: values})
			samples := 0
			for _, s := range all.Steps {
				if s.PerHost["a.example"] != 2 || s.At.Unix()%int64(all.StepSeconds) != 0 {
					t.Errorf("?%s: a step is %+v, want the sessions of a.example, and a whole step of %d s", query, s, all.StepSeconds)
				}
				samples += s.Samples
			}
			if samples != all.Samples {
				t.Errorf("?%s: the steps have %d samples, and all have %d", query, samples, all.Samples)
			}
			return all
		}
		week := ask("")
		want := operator.Usage{Samples: 3, Sessions: 3.67, MostSessions: 6, Free: 3, Containers: 4.67, Hosts: 2, Clients: 1, MostClients: 1}
		if diff := cmp.Diff(want, week.Usage); diff != "" || week.StepSeconds != 6*3600 {
			t.Errorf("the week in steps of %d s (-want +got):\n%s", week.StepSeconds, diff)
		}
		if ago := time.Since(week.Since); ago < 7*24*time.Hour || ago > 7*24*time.Hour+time.Minute {
			t.Errorf("the week began at %s", week.Since)
		}
		if day := ask("since=24h"); day.Samples != 1 || day.StepSeconds != 3600 || day.Share() != 0.75 {
			t.Errorf("the day is %+v, want one sample of three quarters", day)
		}
		if now := ask("since=30m"); now.Samples != 0 || now.Steps == nil || now.Share() != 0 {
			t.Errorf("the last half hour is %+v, want that nothing is known", now)
		}
		for query, text := range map[string]string{"since=soon": "24h", "since=30s": "a minute", "until=1h": "chosen by since"} {
			values, _ := url.ParseQuery(query)
			wantProblem(t, h, operator.Call{Path: operator.StatisticsPath, Query: values}, "bad-request", text)
		}
	})
}
