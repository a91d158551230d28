package session

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapeTimeout is what monitoring waits for the database: it has a limit of its own, and
// wants the other metrics all the same.
const scrapeTimeout = 3 * time.Second

// An overviewCollector tells the pool's state. Who asks shares what the database said in
// the same second.
type overviewCollector struct {
	m *Manager

	known, sessions, free, drained, paused, strays, cleaned *prometheus.Desc
}

func newOverviewCollector(m *Manager) *overviewCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("wrpdistributor_"+name, help, labels, nil)
	}
	return &overviewCollector{
		m:        m,
		known:    desc("overview_up", "Whether the database said in time how many sessions there are (1) or not (0): then what it says is missing."),
		sessions: desc("sessions", "Rows of the host by state. Starting are those that are claimed as well; warm and warming have no client yet.", "host", "state"),
		free:     desc("slots_free", "Sessions that could still be had on the host: none where it is down or drained.", "host"),
		drained:  desc("host_drained", "Whether an operator has drained the host (1) or not (0).", "host"),
		paused:   desc("paused", "Whether an operator has paused new sessions (1) or not (0)."),
		strays:   desc("sessions_on_unknown_hosts", "Rows of hosts that are not configured here."),
		cleaned:  desc("cleanup_seen_timestamp_seconds", "When the last pass of cleanup ended, whichever process made it: the service, cleanup --every, or cron."),
	}
}

// Describe implements [prometheus.Collector].
func (c *overviewCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.known, c.sessions, c.free, c.drained, c.paused, c.strays, c.cleaned} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *overviewCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	o, err := c.m.Overview(ctx)
	gauge(c.known, number(err == nil))
	if err != nil {
		return
	}
	gauge(c.paused, number(o.Pause != nil))
	gauge(c.strays, float64(o.strays))
	if !o.Cleaned.IsZero() {
		gauge(c.cleaned, float64(o.Cleaned.Unix()))
	}
	for _, h := range o.Hosts {
		name := h.Host.Name
		gauge(c.free, float64(h.Free), name)
		gauge(c.drained, number(h.Drained != nil), name)
		for state, n := range h.rows.byState() {
			gauge(c.sessions, float64(n), name, string(state))
		}
	}
}

// byState returns how many rows are in each state.
func (u usage) byState() map[State]int {
	return map[State]int{
		Starting: u.Total - u.Running - u.Stopping - u.Warm - u.Warming,
		Running:  u.Running,
		Stopping: u.Stopping,
		Warm:     u.Warm,
		Warming:  u.Warming,
	}
}

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
