package statistics

import (
	"context"
	"fmt"
	"time"

	"wrpdistributor/internal/database"
)

// A Span is a time up to now that is looked at, in steps.
type Span struct {
	Length  time.Duration
	Step    time.Duration // whole seconds; from an hour on the sums of hours do
	PerHost bool          // the sessions of each host are wanted: their texts are long
}

// The spans that pages are about. None has more than 300 points.
var (
	day      = Span{24 * time.Hour, 5 * time.Minute, true}
	week     = Span{7 * 24 * time.Hour, time.Hour, false}
	month    = Span{30 * 24 * time.Hour, 3 * time.Hour, true}
	twoYears = Span{731 * 24 * time.Hour, 3 * 24 * time.Hour, false}
	monthly  = Span{30 * 24 * time.Hour, 24 * time.Hour, false}
)

// Day, Week, Month and TwoYears are spans that end now; Days are the days of a month.
func Day() Span      { return day }
func Week() Span     { return week }
func Month() Span    { return month }
func TwoYears() Span { return twoYears }
func Days() Span     { return monthly }

// mostSteps is how many lines people read of a time.
const mostSteps = 32

// Over is a span of any length, in steps of a length that people use.
func Over(length time.Duration) Span {
	const day = 24 * time.Hour
	step := time.Minute
	for _, longer := range []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, day, 3 * day, 7 * day, 14 * day, 30 * day} {
		if length <= mostSteps*step {
			break
		}
		step = longer
	}
	return Span{Length: length, Step: step, PerHost: true}
}

// Average is what a time was like on average.
type Average struct {
	Samples                                         int // rows that it is of
	Sessions, Containers, Remaining, Hosts, Clients float64
	MostSessions, MostClients                       int // of any row
}

// A Point is a step of a span.
type Point struct {
	At time.Time // it began
	Average
	PerHost map[string]int // sessions at the end of it; nil: not known, or not asked for
}

// sums are what both tables are read as.
type sums struct {
	At           int64  `db:"at"`
	Day          string `db:"day"`
	Samples      int    `db:"samples"`
	Sessions     int64  `db:"sessions"`
	Containers   int64  `db:"containers"`
	Remaining    int64  `db:"remaining"`
	Hosts        int64  `db:"hosts"`
	Clients      int64  `db:"clients"`
	MostSessions int    `db:"mostSessions"`
	MostClients  int    `db:"mostClients"`
	PerHost      string `db:"perHost"`
}

const (
	ofRows = `COUNT(*) AS samples, SUM(activeSessions) AS sessions, SUM(containersRunningTotal) AS containers,
		SUM(remainingContainersTotal) AS remaining, SUM(containerHostsAvailable) AS hosts, SUM(uniqueClientIps) AS clients,
		MAX(activeSessions) AS mostSessions, MAX(uniqueClientIps) AS mostClients, MAX(id) AS lastId FROM statistics`
	ofHours = `SUM(samples) AS samples, SUM(sessions) AS sessions, SUM(containers) AS containers,
		SUM(remaining) AS remaining, SUM(hosts) AS hosts, SUM(clients) AS clients,
		MAX(mostSessions) AS mostSessions, MAX(mostClients) AS mostClients, MAX(lastId) AS lastId FROM statisticsHours`
	summed = `samples, sessions, containers, remaining, hosts, clients, mostSessions, mostClients`
)

// Points returns the steps of a span of which something is known, oldest first.
func Points(ctx context.Context, db *database.DB, of Span) ([]Point, error) {
	what, column, sound := ofRows, "timeOfCapture", soundRow(db)
	if of.Step >= time.Hour {
		what, column, sound = ofHours, "hour", soundHour
	}
	perHost, join := "''", ""
	if of.PerHost {
		perHost, join = `COALESCE(containersInUsePerHost, '')`, `LEFT JOIN statistics ON id = lastId`
	}
	var rows []sums
	step := int64(of.Step / time.Second)
	err := db.SelectContext(ctx, &rows, `
		SELECT at, `+summed+`, `+perHost+` AS perHost
		FROM (SELECT `+db.Step(column)+` AS at, `+what+` WHERE `+column+` >= `+db.SecondsAgo()+` AND `+sound+` GROUP BY at) AS steps
		`+join+` WHERE at IS NOT NULL ORDER BY at`,
		step, step, int64(of.Length/time.Second))
	if err != nil {
		return nil, fmt.Errorf("read statistics: %w", err)
	}
	points := make([]Point, len(rows))
	for i, r := range rows {
		points[i] = Point{At: time.Unix(r.At, 0).UTC(), Average: r.average()}
		// Of what nobody can read nothing is known; the rest of the row is.
		points[i].PerHost, _ = PerHost(r.PerHost)
	}
	return points, nil
}

// Overall is what all of some points were like together.
func Overall(points []Point) (all Average) {
	for _, p := range points {
		all.Samples += p.Samples
	}
	for _, p := range points {
		share := float64(p.Samples) / float64(all.Samples)
		all.Sessions += share * p.Sessions
		all.Containers += share * p.Containers
		all.Remaining += share * p.Remaining
		all.Hosts += share * p.Hosts
		all.Clients += share * p.Clients
		all.MostSessions = max(all.MostSessions, p.MostSessions)
		all.MostClients = max(all.MostClients, p.MostClients)
	}
	return all
}

func (r sums) average() Average {
	n := float64(max(r.Samples, 1))
	return Average{
		Samples:  r.Samples,
		Sessions: float64(r.Sessions) / n, Containers: float64(r.Containers) / n, Remaining: float64(r.Remaining) / n,
		Hosts: float64(r.Hosts) / n, Clients: float64(r.Clients) / n,
		MostSessions: r.MostSessions, MostClients: r.MostClients,
	}
}
