package statistics_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/statistics"
)

// TestSpoiltRowsCostNobodyElse: rows that somebody wrote by hand, which SQLite takes, are
// left out of all that is read and summed up, the latest too, and are named.
func TestSpoiltRowsCostNobodyElse(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	put(t, db, `{"a":3}`, 3, 200, 100, 2)
	sumUp(t, db)
	wanted, history := points(t, db, statistics.Day()), readHistory(t, db)
	const minutes = `INSERT INTO statistics (activeSessions, containersRunningTotal, remainingContainersTotal, containerHostsAvailable, uniqueClientIps, containersInUsePerHost, timeOfCapture) VALUES `
	const hours = `INSERT INTO statisticsHours (hour, samples, sessions, containers, remaining, hosts, clients, mostSessions, mostClients, lastId) VALUES `
	for spoilt, named := range map[string]string{
		minutes + `(9223372036854775807, 1, 1, 1, 1, '', datetime('now', '-3 minutes'))`:  "FROM statistics WHERE id = '",
		minutes + `(1, 1, -9223372036854775807, 1, 1, '', datetime('now', '-3 minutes'))`: "FROM statistics WHERE id = '",
		minutes + `(1, 1, 1, 1, 'many', '', datetime('now', '-3 minutes'))`:               "FROM statistics WHERE id = '",
		minutes + `(1, 1, 1, 1, 1, '', 'yesterday')`:                                      "FROM statistics WHERE id = '",
		hours + `('2999-01-01 00:00:00', 1, 9223372036854775807, 1, 1, 1, 1, 1, 1, 1)`:    "FROM statisticsHours WHERE hour = '2999-01-01 00:00:00'",
		hours + `('2999-01-01 00:00:00', 1, 1, 1, 1, 1, 1, 1, 1, 9223372036854775807)`:    "FROM statisticsHours WHERE hour = '2999",
		hours + `('noon', 1, 1, 1, 1, 1, 1, 1, 1, 1)`:                                     "FROM statisticsHours WHERE hour = 'noon'",
	} {
		exec(t, db, spoilt)
		sumUp(t, db)
		if diff := cmp.Diff(wanted, points(t, db, statistics.Day())); diff != "" {
			t.Errorf("with %s the day is (-want +got):\n%s", spoilt, diff)
		}
		if diff := cmp.Diff(history, readHistory(t, db)); diff != "" {
			t.Errorf("with %s the history is (-want +got):\n%s", spoilt, diff)
		}
		points(t, db, statistics.Month())
		if err := statistics.Spoilt(t.Context(), db); err == nil || !strings.Contains(err.Error(), named) {
			t.Errorf("with %s Spoilt = %v, want %q", spoilt, err, named)
		}
		exec(t, db, `DELETE FROM statistics WHERE id > 3`)
		exec(t, db, `DELETE FROM statisticsHours WHERE CAST(hour AS CHAR) >= '2999'`)
	}
	exec(t, db, minutes+`(9223372036854775807, 1, 1, 1, 1, '', datetime('now', '-3 minutes'))`)
	var log strings.Builder
	s := newSampler(t, db, newPool())
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	for range 3 {
		if err := s.Sample(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(log.String(), "spoilt statistics left out"); n != 1 || !strings.Contains(log.String(), "DELETE FROM statistics WHERE id = '") {
		t.Errorf("the log has, after three minutes:\n%swant the row named once", log.String())
	}
}

func readHistory(t *testing.T, db *database.DB) statistics.History {
	t.Helper()
	h, err := statistics.ReadHistory(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
