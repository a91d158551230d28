package dashboard_test

import (
	"fmt"
	"math"
	"time"

	"wrpdistributor/internal/dashboard"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/statistics"
)

// noon is when all canned pages are of.
func noon() time.Time { return time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC) }

// canned are the pages that tests draw, by name.
func canned() map[string]dashboard.Page {
	return map[string]dashboard.Page{
		"empty":     empty(),
		"one-host":  oneHost(),
		"50-hosts":  manyHosts(),
		"broken":    broken(),
		"away":      away(),
		"public":    broken().ForAll(dashboard.NewAliases("canned")),
		"unwritten": unwritten(),
	}
}

// empty is a service on its first day, without hosts.
func empty() dashboard.Page {
	return dashboard.Page{At: noon(), Status: operator.Status{Sentence: "Nobody gets a new session: no host takes sessions."}}
}

func up(name string, used, most int) operator.Host {
	return operator.Host{Name: name, State: "up", Since: noon().Add(-time.Hour), Takes: true, Used: used, Max: most}
}

func oneHost() dashboard.Page {
	h := up("a.example", 3, 20)
	h.Warm = 2
	return dashboard.Page{
		At: noon(), Version: "v1.2.3",
		Status:   operator.Status{Takes: true, Sentence: "A client can get a session now: 17 slots are free.", Free: 17, Warm: 2, Sessions: 3},
		Hosts:    []operator.Host{h},
		Starts:   journal.Waits{Count: 40, Warm: 30, Median: 120 * time.Millisecond, P95: 2100 * time.Millisecond, Slowest: 3200 * time.Millisecond},
		Past:     past("a.example"),
		Refusals: dashboard.Refusals{},
	}
}

func manyHosts() dashboard.Page {
	p := oneHost()
	p.Hosts = nil
	var names []string
	for i := range 50 {
		h := up(fmt.Sprintf("host-%02d.example", i), (i*13)%21, 20)
		if h.Used == 20 {
			h.Why = "full"
		}
		names = append(names, h.Name)
		p.Hosts = append(p.Hosts, h)
	}
	p.Status.Sessions, p.Status.Free, p.Status.Sentence = 480, 520, "A client can get a session now: 520 slots are free."
	p.Past = past(names...)
	return p
}

// broken has every kind of host, and texts that are not to be taken for HTML.
func broken() dashboard.Page {
	down, noImage, drained, full, unknown := up("down.example", 2, 20), up("noimage.example", 0, 20), up("drained.example", 1, 20), up("full.example", 20, 20), up("new.example", 0, 20)
	down.State, down.Takes, down.Why = "unreachable", false, "dial tcp 10.1.2.3:22: connect: no route to host"
	noImage.State, noImage.Takes, noImage.Why = "no image", false, "image <amifox> is missing"
	drained.Takes, drained.Drained, drained.Why = false, &operator.Drained{Since: noon().Add(-2 * time.Hour), Reason: "new disk"}, "drained: new disk"
	full.Why = "full"
	failing := up("failing.example", 0, 20)
	failing.Failing = &operator.Failing{Times: 6, Since: noon().Add(-time.Hour), Why: "mkdir /var/lib/docker/overlay2/fa11: no space left on device"}
	unknown.State, unknown.Takes, unknown.Since = "unknown", false, time.Time{}
	return dashboard.Page{
		At: noon(), Version: "v1.2.3",
		Status: operator.Status{
			Sentence: "Nobody gets a new session: paused since 2026-11-26 11:00:00 UTC.", Sessions: 23,
			Paused: &operator.Paused{Since: noon().Add(-time.Hour), Reason: "Back at noon <b>really</b>"},
			Wrong: []operator.Wrong{
				{What: "New sessions are paused since 2026-11-26 11:00:00 UTC: Back at noon <b>really</b>", Mend: "distributor resume"},
				{What: "Host down.example is down since 2026-11-26 11:00:00 UTC: dial tcp 10.1.2.3:22: connect: no route to host.", Mend: "ssh -v -p 22 wrp@down.example"},
				{What: "Host drained.example is drained since 2026-11-26 10:00:00 UTC: new disk.", Mend: "distributor hosts undrain drained.example"},
			},
		},
		Hosts:  []operator.Host{unknown, full, up("good.example", 10, 20), drained, noImage, down, failing},
		Starts: journal.Waits{Count: 20000, Warm: 1, Median: 2 * time.Second, P95: 9 * time.Second, Slowest: 59 * time.Second},
		Refusals: dashboard.Refusals{Times: 130, Reasons: []journal.Refusals{
			{Why: "paused: Back at noon <b>really</b>", Times: 100}, {Why: "all hosts are full", Times: 30}}},
		Past: past("down.example", "full.example"),
	}
}

// away is a page without a database.
func away() dashboard.Page {
	const why = "Not known: the database does not answer."
	return dashboard.Page{At: noon(), Version: "v1.2.3", Trouble: "Nobody gets a new session: the database does not answer.", Status: operator.Status{Wrong: []operator.Wrong{
		{What: "The database mysql wrp@tcp(db.example:3306)/wrp does not answer since 2026-01-02 03:04:05 UTC: connection refused. Start it, or correct SESSION_DATABASE_DSN; the service goes on by itself when it does.", Mend: "distributor config check"},
	}}, Unwritten: why, Missing: why}
}

// unwritten lacks the journal and the statistics only.
func unwritten() dashboard.Page {
	p := oneHost()
	p.Unwritten, p.Missing = "Not known: the journal could not be read.", "Not known: the statistics could not be read."
	return p
}

// past is a busy time, with a gap.
func past(hosts ...string) dashboard.Past {
	p := dashboard.Past{
		Day: points(statistics.Day(), hosts), Week: points(statistics.Week(), hosts), Month: points(statistics.Month(), hosts),
		History: statistics.History{Years: points(statistics.TwoYears(), hosts), Days: points(statistics.Days(), hosts)},
	}
	for i := range 6 {
		p.Months = append(p.Months, statistics.Monthly{Month: fmt.Sprintf("2026-%02d", 6+i), Average: average(i, 43200)})
	}
	p.Total = statistics.Totals{Since: noon().Add(-731 * 24 * time.Hour), Average: average(40, 1051200)}
	return p
}

func points(of statistics.Span, hosts []string) (list []statistics.Point) {
	n := int(of.Length / of.Step)
	for i := range n + 1 {
		if i > n/3 && i < n/3+n/10 {
			continue // nobody wrote
		}
		p := statistics.Point{
			At:      noon().Add(-of.Length).Add(time.Duration(i) * of.Step).Truncate(of.Step),
			Average: average(i, int(of.Step/time.Minute)), PerHost: make(map[string]int),
		}
		for j, host := range hosts {
			p.PerHost[host] = 10 + int(8*math.Sin(float64(i+9*j)/25))
		}
		list = append(list, p)
	}
	return list
}

func average(i, samples int) statistics.Average {
	busy := 10 + 6*math.Sin(float64(i)/25)
	return statistics.Average{
		Samples: samples, Sessions: busy, Containers: busy + 1, Remaining: 20 - busy, Hosts: 1, Clients: busy / 2,
		MostSessions: int(busy) + 2, MostClients: int(busy)/2 + 1,
	}
}
