package statistics_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/bubbletest"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
	"wrpdistributor/internal/statistics"
)

// A pool is what a sampler is told.
type pool struct {
	overview session.Overview
	err      error
}

func (p *pool) Now(context.Context) (*session.Overview, error) { return &p.overview, p.err }

func newPool() *pool {
	up, drained := hosts.Status{State: hosts.Up}, hosts.Status{State: hosts.Up}
	return &pool{overview: session.Overview{
		Counts: session.Counts{Sessions: 3, Containers: 4, Remaining: 17, PerHost: map[string]int{"a.example": 1, "b.example": 2}},
		Hosts:  []session.HostState{{Status: up}, {Status: up}, {Status: drained, Drained: &session.Drained{}}, {Status: hosts.Status{State: hosts.Unreachable}}},
	}}
}

func newSampler(t *testing.T, db *database.DB, p *pool) *statistics.Sampler {
	t.Helper()
	return &statistics.Sampler{DB: db, Sessions: p, Holder: database.NewProcessID(), Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

func exec(t *testing.T, db *database.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatal(err)
	}
}

func number(t *testing.T, db *database.DB, query string) (n int) {
	t.Helper()
	if err := db.Get(&n, query); err != nil {
		t.Fatal(err)
	}
	return n
}

func points(t *testing.T, db *database.DB, of statistics.Span) []statistics.Point {
	t.Helper()
	list, err := statistics.Points(t.Context(), db, of)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// put adds rows, each a number of minutes ago, with so many sessions.
func put(t *testing.T, db *database.DB, perHost string, sessions int, minutesAgo ...int) {
	t.Helper()
	for _, m := range minutesAgo {
		exec(t, db, `INSERT INTO statistics (activeSessions, containersRunningTotal, remainingContainersTotal, containerHostsAvailable, uniqueClientIps, containersInUsePerHost, timeOfCapture)
			VALUES (?, ?, ?, 2, ?, ?, `+db.SecondsAgo()+`)`, sessions, sessions+1, 20-sessions, sessions/2, perHost, m*60)
	}
}

func sumUp(t *testing.T, db *database.DB) {
	t.Helper()
	if err := statistics.SumUp(t.Context(), db); err != nil {
		t.Fatal(err)
	}
}

// TestSample writes what the pool is like, and adds it to its hour.
func TestSample(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const columns = `INSERT INTO sessions (clientIp, state, containerHost, slot, port, started) VALUES `
		exec(t, db, columns+`('192.0.2.1', 'running', 'a', 0, 1, ?), ('192.0.2.1', 'claimed', 'a', 1, 2, ?), ('192.0.2.2', 'starting', 'a', 2, 3, ?),
			('192.0.2.3', 'stopping', 'a', 3, 4, ?), ('', 'warm', 'a', 4, 5, ?)`, "2024-06-01", "2024-06-01", "2024-06-01", "2024-06-01", "2024-06-01")
		exec(t, db, `UPDATE sessions SET clientIp = 'account', account = CASE slot WHEN 1 THEN 'anna' ELSE 'bert' END WHERE slot IN (1, 2)`)
		if err := newSampler(t, db, newPool()).Sample(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []statistics.Point{{
			Average: statistics.Average{Samples: 1, Sessions: 3, Containers: 4, Remaining: 17, Hosts: 2, Clients: 3, MostSessions: 3, MostClients: 3},
		}}
		for _, span := range []statistics.Span{statistics.Day(), statistics.Week(), statistics.Month(), statistics.TwoYears(), statistics.Days()} {
			got := points(t, db, span)
			for i := range got {
				if ago := time.Since(got[i].At); ago < -time.Minute || ago > span.Step+time.Minute {
					t.Errorf("%+v: the point is of %s", span, got[i].At)
				}
				got[i].At = time.Time{}
			}
			want[0].PerHost = nil
			if span.PerHost {
				want[0].PerHost = map[string]int{"a.example": 1, "b.example": 2}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%+v (-want +got):\n%s", span, diff)
			}
		}
	})
}

// TestOneRowAMinute of all samplers together, and all go on when the one with the lease
// ends.
func TestOneRowAMinute(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		first, second := newSampler(t, db, newPool()), newSampler(t, db, newPool())
		began := number(t, db, `SELECT COUNT(*) FROM statistics`)
		sample := func(s *statistics.Sampler) {
			if err := s.Sample(t.Context()); err != nil {
				t.Error(err)
			}
		}
		for range 3 {
			sample(first)
			sample(second)
		}
		minutes := `SELECT COUNT(DISTINCT timeOfCapture) FROM statistics` // the test may meet the end of one
		if n := number(t, db, `SELECT COUNT(*) FROM statistics`) - began; n < 1 || n != number(t, db, minutes) {
			t.Errorf("%d rows in a moment", n)
		}
		exec(t, db, `DELETE FROM statistics`)
		sample(second)
		if n := number(t, db, `SELECT COUNT(*) FROM statistics`); n != 0 {
			t.Errorf("%d rows of a sampler that has no lease", n)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := first.Run(ended); err != nil {
			t.Error(err)
		}
		sample(second)
		if n := number(t, db, `SELECT COUNT(*) FROM statistics`); n != 1 {
			t.Errorf("%d rows of the sampler that took over, want 1", n)
		}
	})
}

// TestSampleFails with what the pool says, and writes nothing.
func TestSampleFails(t *testing.T) {
	db, p := databasetest.New(t), newPool()
	p.err = errors.New("away")
	if err := newSampler(t, db, p).Sample(t.Context()); !errors.Is(err, p.err) {
		t.Errorf("Sample = %v", err)
	}
	if n := number(t, db, `SELECT COUNT(*) FROM statistics`); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// TestRunIsDueOnceAMinute, in the middle of it.
func TestRunIsDueOnceAMinute(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var asked []time.Duration
		began := time.Now()
		look := func() { asked = append(asked, time.Since(began)) }
		go statistics.Every(ctx, look)
		time.Sleep(3*time.Minute + time.Second)
		cancel()
		synctest.Wait()
		if got, want := fmt.Sprint(asked), "[30s 1m30s 2m30s]"; got != want {
			t.Errorf("due after %s, want %s", got, want)
		}
	})
}

// TestSumsAreThoseOfTheRows, whatever was summed up before, and over gaps that are longer
// than what is summed up at a time.
func TestSumsAreThoseOfTheRows(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		const d = 24 * 60
		put(t, db, `a:1:{s:9:"127.0.0.1";i:2;}`, 4, 500*d, 500*d-1, 100*d, 100*d-1, 100*d-2, 69*d, 68*d)
		sumUp(t, db)
		put(t, db, `{"a":7}`, 8, 3*d, 2*d, 200, 140, 139, 70, 1)
		sumUp(t, db)
		put(t, db, `{"a":7}`, 9, 0)
		sumUp(t, db)
		sumUp(t, db)
		for _, column := range []string{"COUNT(*) samples", "SUM(activeSessions) sessions", "SUM(containersRunningTotal) containers",
			"SUM(remainingContainersTotal) remaining", "SUM(containerHostsAvailable) hosts", "SUM(uniqueClientIps) clients"} {
			of, name, _ := strings.Cut(column, " ")
			rows := fmt.Sprintf(`(SELECT %s AS began, %s AS n FROM statistics GROUP BY began)`, db.Hour("timeOfCapture"), of)
			wrong := number(t, db, `SELECT COUNT(*) FROM statisticsHours AS h LEFT JOIN `+rows+` AS r ON r.began = h.hour WHERE r.n IS NULL OR r.n <> h.`+name)
			if wrong != 0 || number(t, db, `SELECT COUNT(*) FROM statisticsHours`) != number(t, db, `SELECT COUNT(*) FROM `+rows+` AS r`) {
				t.Errorf("%s: %d hours have other sums than their rows, or some have none", name, wrong)
			}
		}
		h := history(t, db)
		total := h.Total
		if ago := time.Since(total.Since); total.Samples != 15 || total.MostSessions != 9 || ago < 500*24*time.Hour || ago > 501*24*time.Hour {
			t.Errorf("Total = %+v", total)
		}
		for _, tt := range []struct {
			of  statistics.Span
			got []statistics.Point
		}{{statistics.TwoYears(), h.Years}, {statistics.Days(), h.Days}} {
			if diff := cmp.Diff(points(t, db, tt.of), tt.got); diff != "" {
				t.Errorf("%+v, by hours -, by days +:\n%s", tt.of, diff)
			}
		}
		years := statistics.TwoYears()
		years.PerHost = true
		all := points(t, db, years)
		if len(all) < 5 || all[0].PerHost["127.0.0.1"] != 2 || all[0].Sessions != 4 || all[len(all)-1].PerHost["a"] != 7 {
			t.Errorf("two years: %+v", all)
		}
		checkMonths(t, h.Months)
	})
}

func history(t *testing.T, db *database.DB) statistics.History {
	t.Helper()
	h, err := statistics.ReadHistory(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func checkMonths(t *testing.T, months []statistics.Monthly) {
	t.Helper()
	if len(months) < 3 {
		t.Fatalf("months = %+v", months)
	}
	samples := 0
	for i, m := range months {
		samples += m.Samples
		if _, err := time.Parse("2006-01", m.Month); err != nil || i > 0 && m.Month <= months[i-1].Month {
			t.Errorf("months are not in order: %+v", months)
		}
	}
	if samples != 15 {
		t.Errorf("months have %d samples, want 15", samples)
	}
}

// TestPointsAreFew, however many rows there are.
func TestPointsAreFew(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		var minutes []any // in the order in which they are written
		for h := range 800 {
			minutes = append(minutes, (800-h)*3600+24*3600)
		}
		for m := range 1500 {
			minutes = append(minutes, (1500-m)*60)
		}
		row := `(1, 1, 1, 1, 1, '', ` + db.SecondsAgo() + `)`
		for chunk := range slices.Chunk(minutes, 100) {
			exec(t, db, `INSERT INTO statistics (activeSessions, containersRunningTotal, remainingContainersTotal, containerHostsAvailable, uniqueClientIps, containersInUsePerHost, timeOfCapture)
				VALUES `+row+strings.Repeat(", "+row, len(chunk)-1), chunk...)
		}
		sumUp(t, db)
		for _, span := range []statistics.Span{statistics.Day(), statistics.Week(), statistics.Month(), statistics.TwoYears(), statistics.Days()} {
			n, most := len(points(t, db, span)), int(span.Length/span.Step)+1
			if n > 300 || n > most || n < min(most-2, 11) {
				t.Errorf("%+v has %d points", span, n)
			}
		}
	})
}

// TestNothingIsKnown of an empty database.
func TestNothingIsKnown(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		sumUp(t, db)
		if diff := cmp.Diff(statistics.History{}, history(t, db)); diff != "" {
			t.Errorf("history, wanted -, got +:\n%s", diff)
		}
		if list := points(t, db, statistics.Day()); len(list) != 0 {
			t.Errorf("Day = %+v", list)
		}
	})
}

// TestOverHasStepsThatPeopleUse, few enough to read.
func TestOverHasStepsThatPeopleUse(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for length, want := range map[time.Duration]time.Duration{
		time.Minute: time.Minute, 30 * time.Minute: time.Minute, time.Hour: 5 * time.Minute, 8 * time.Hour: 15 * time.Minute,
		day: time.Hour, 7 * day: 6 * time.Hour, 30 * day: day, 365 * day: 14 * day, 731 * day: 30 * day,
	} {
		if got := statistics.Over(length); got != (statistics.Span{Length: length, Step: want, PerHost: true}) {
			t.Errorf("Over(%s) = %+v, want steps of %s", length, got, want)
		}
	}
}

// TestOverallCountsSamples: what was looked at often counts as often.
func TestOverallCountsSamples(t *testing.T) {
	t.Parallel()
	got := statistics.Overall([]statistics.Point{
		{Average: statistics.Average{Samples: 3, Sessions: 4, Containers: 8, Remaining: 4, Hosts: 2, Clients: 4, MostSessions: 9, MostClients: 1}},
		{Average: statistics.Average{Samples: 1, Sessions: 8, Containers: 4, Remaining: 0, Hosts: 2, Clients: 0, MostSessions: 8, MostClients: 3}},
	})
	want := statistics.Average{Samples: 4, Sessions: 5, Containers: 7, Remaining: 3, Hosts: 2, Clients: 3, MostSessions: 9, MostClients: 3}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := statistics.Overall(nil); got != (statistics.Average{}) {
		t.Errorf("of nothing: %+v", got)
	}
}
