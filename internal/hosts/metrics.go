package hosts

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// A dialled is how often an SSH connection to a host was made, and was not.
type dialled struct{ made, failed atomic.Uint64 }

// reconnects is how many connections went before the present one, or the last.
func (d *dialled) reconnects() uint64 { return max(d.made.Load(), 1) - 1 }

// states returns all states of a host.
func states() []State { return []State{Unknown, Unreachable, Unusable, NoImage, Up} }

// A statusCollector tells what is known of the hosts, without asking any.
type statusCollector struct {
	pool *Pool

	up, state, since, slots, reconnects, failures *prometheus.Desc
}

// Metrics returns what is known of the hosts of the pool.
func (p *Pool) Metrics() []prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("wrpdistributor_"+name, help, append([]string{"host"}, labels...), nil)
	}
	return []prometheus.Collector{&statusCollector{
		pool:       p,
		up:         desc("host_up", "Whether the host takes containers (1) or not (0). A full or drained one does."),
		state:      desc("host_state", "1 for the state that the host is in, 0 for all others.", "state"),
		since:      desc("host_since_timestamp_seconds", "Since when the host works, or else is down."),
		slots:      desc("host_slots", "How many containers the host may have at once, those that wait for clients included."),
		reconnects: desc("ssh_reconnects_total", "SSH connections to the host that took the place of an earlier one."),
		failures:   desc("ssh_connect_failures_total", "SSH connections to the host that could not be made: for its network, its key, its login, or what it allows."),
	}}
}

// Describe implements [prometheus.Collector].
func (c *statusCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.up, c.state, c.since, c.slots, c.reconnects, c.failures} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *statusCollector) Collect(ch chan<- prometheus.Metric) {
	for _, h := range c.pool.hosts {
		st := h.status()
		gauge := func(d *prometheus.Desc, v float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{h.Name}, labels...)...)
		}
		gauge(c.up, number(st.State == Up))
		for _, s := range states() {
			gauge(c.state, number(st.State == s), string(s))
		}
		gauge(c.since, float64(st.Since.UnixMilli())/1000)
		gauge(c.slots, float64(st.Host.Max))
		if h.client != nil {
			ch <- prometheus.MustNewConstMetric(c.reconnects, prometheus.CounterValue, float64(h.client.dialled.reconnects()), h.Name)
			ch <- prometheus.MustNewConstMetric(c.failures, prometheus.CounterValue, float64(h.client.dialled.failed.Load()), h.Name)
		}
	}
}

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
