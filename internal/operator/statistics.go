package operator

import (
	"math"
	"net/http"
	"net/url"
	"time"

	"wrpdistributor/internal/statistics"
)

// StatisticsPath is where [Statistics] are. Its query is since, such as 24h.
const StatisticsPath = "/v1/admin/statistics"

// usualPast is how far back statistics go unless somebody wants more, or less.
const usualPast = 7 * 24 * time.Hour

// Statistics say how full the pool was, up to now.
type Statistics struct {
	Since       time.Time `json:"since"`
	StepSeconds int       `json:"stepSeconds"`
	Usage                 // of all of it
	Steps       []Step    `json:"steps"` // of which something is known, oldest first
}

// A Usage is what some time was like on average.
type Usage struct {
	Samples      int     `json:"samples"` // that it is of, one a minute
	Sessions     float64 `json:"sessions"`
	MostSessions int     `json:"mostSessions"` // of any sample
	Free         float64 `json:"free"`         // sessions that could still be had
	Containers   float64 `json:"containers"`
	Hosts        float64 `json:"hosts"` // that took sessions, unless they were full
	Clients      float64 `json:"clients"`
	MostClients  int     `json:"mostClients"`
}

// Share is how much of what there was clients had: 1 is all. Where there was nothing to be
// had it is 0.
func (u Usage) Share() float64 {
	if u.Sessions == 0 {
		return 0
	}
	return u.Sessions / u.Slots()
}

// Slots is how many sessions there could be.
func (u Usage) Slots() float64 { return u.Sessions + u.Free }

// A Step is a part of the time.
type Step struct {
	At time.Time `json:"at"` // it began
	Usage
	PerHost map[string]int `json:"perHost,omitempty"` // sessions at its end; missing: not known
}

func (o operators) statistics(_ http.ResponseWriter, r *http.Request) (any, error) {
	since, err := parsePast(r.URL.Query())
	if err != nil {
		return nil, err
	}
	span := statistics.Over(since)
	points, err := statistics.Points(r.Context(), o.DB, span)
	if err != nil {
		return nil, err
	}
	all := Statistics{
		Since:       time.Now().Add(-since).UTC().Truncate(time.Second),
		StepSeconds: int(span.Step / time.Second),
		Usage:       usage(statistics.Overall(points)),
		Steps:       make([]Step, len(points)),
	}
	for i, p := range points {
		all.Steps[i] = Step{At: p.At, Usage: usage(p.Average), PerHost: p.PerHost}
	}
	return all, nil
}

// parsePast reads a query. One that nobody reads is refused, as that of the journal is.
func parsePast(values url.Values) (since time.Duration, err error) {
	since = usualPast
	for name, v := range values {
		if name != "since" {
			return 0, newProblem(http.StatusBadRequest, "bad-request", "Statistics are chosen by since.")
		}
		if since, err = time.ParseDuration(v[len(v)-1]); err != nil || since < time.Minute {
			return 0, newProblem(http.StatusBadRequest, "bad-request", "since is no time such as 24h, of a minute at least.")
		}
	}
	return since, nil
}

func usage(a statistics.Average) Usage {
	return Usage{
		Samples: a.Samples, Sessions: rounded(a.Sessions), MostSessions: a.MostSessions, Free: rounded(a.Remaining),
		Containers: rounded(a.Containers), Hosts: rounded(a.Hosts), Clients: rounded(a.Clients), MostClients: a.MostClients,
	}
}

// rounded leaves as much of an average as anybody reads.
func rounded(x float64) float64 { return math.Round(x*100) / 100 }
