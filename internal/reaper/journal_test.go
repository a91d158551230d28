package reaper_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/service/servicetest"
)

// TestPassPrunesTheJournal by JOURNAL_KEEP, but for a dry run; and with LOG_CLIENTS=hash
// its report has no address.
func TestPassPrunesTheJournal(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		list := servicetest.StartHosts(t, 1, servicetest.Options{}.Pretend)
		k := &servicetest.Kit{Hosts: list, Config: servicetest.Configure(t, list, servicetest.Options{})}
		k.Config.JournalKeep, k.Config.HashClients = 24*time.Hour, true
		k.Service = servicetest.Open(t, db, k.Config)
		s := allocate(t, k, 1)[0]
		written := func() []journal.Entry {
			t.Helper()
			all, err := journal.Read(t.Context(), k.DB, journal.Query{})
			must(t, err)
			return all
		}
		for deadline := time.Now().Add(time.Minute); len(written()) != 2; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("claim and start are not written: %+v", written())
			}
		}
		_, err := k.DB.ExecContext(t.Context(), `UPDATE journal SET firstAt = '2024-06-01 10:00:00.000', lastAt = '2024-06-01 10:00:00.000' WHERE kind = 'claimed'`)
		must(t, err)
		pass(t, k, reaper.Options{DryRun: true})
		if len(written()) != 2 {
			t.Error("a dry run has removed something")
		}
		age(t, k, 11, s)
		report := pass(t, k, reaper.Options{Idle: idle})
		if all := written(); !slices.ContainsFunc(all, func(e journal.Entry) bool { return e.Kind == "started" }) || slices.ContainsFunc(all, func(e journal.Entry) bool { return e.Kind == "claimed" }) {
			t.Errorf("left are %+v, want what is not old", all)
		}
		if text := strings.Join(report.Endings, "\n"); !strings.Contains(text, " of #") || strings.Contains(text, s.ClientIP) {
			t.Errorf("the report says %q, want the client by its hash alone", text)
		}
	})
}

// TestPassPrunesTheStatistics by STATISTICS_KEEP, but for a dry run.
func TestPassPrunesTheStatistics(t *testing.T) {
	db := databasetest.New(t)
	list := servicetest.StartHosts(t, 1, servicetest.Options{}.Pretend)
	k := &servicetest.Kit{Hosts: list, Config: servicetest.Configure(t, list, servicetest.Options{})}
	k.Config.JournalKeep, k.Config.StatisticsKeep = 24*time.Hour, 400*24*time.Hour
	k.Service = servicetest.Open(t, db, k.Config)
	for _, days := range []int{401, 399} {
		_, err := db.ExecContext(t.Context(), `INSERT INTO statistics (activeSessions, containersRunningTotal, remainingContainersTotal, containerHostsAvailable, uniqueClientIps, containersInUsePerHost, timeOfCapture)
			VALUES (1, 1, 1, 1, 1, '{}', `+db.SecondsAgo()+`)`, days*24*3600)
		must(t, err)
	}
	rows := func() (n int) {
		t.Helper()
		must(t, db.GetContext(t.Context(), &n, `SELECT COUNT(*) FROM statistics`))
		return n
	}
	pass(t, k, reaper.Options{DryRun: true})
	if n := rows(); n != 2 {
		t.Errorf("%d rows after a dry run, want 2", n)
	}
	pass(t, k, reaper.Options{})
	if n := rows(); n != 1 {
		t.Errorf("%d rows after a pass, want the one that is not old", n)
	}
}
