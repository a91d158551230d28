package warm

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// counts is what a warmer remembers for monitoring. Its zero value is ready to use.
type counts struct {
	lease  atomic.Pointer[lease] // nil: [Warmer.Run] has not begun
	failed atomic.Uint64         // passes
}

// keeps reports whether this replica is the one that keeps containers warm.
func (c *counts) keeps() bool {
	l := c.lease.Load()
	return l != nil && l.held.Load()
}

// A collector tells what a warmer does.
type collector struct {
	*Warmer

	wanted, lease, failures *prometheus.Desc
}

// Metrics returns what containers are to wait, and how keeping them goes.
func (w *Warmer) Metrics() []prometheus.Collector {
	return []prometheus.Collector{&collector{
		Warmer: w,
		wanted: prometheus.NewDesc("wrpdistributor_warm_containers_wanted",
			"How many containers are to wait for clients on the host (WARM_CONTAINERS and WARM_TLS_CONTAINERS).", []string{"host"}, nil),
		lease: prometheus.NewDesc("wrpdistributor_warm_lease_held",
			"Whether this process is the one that keeps containers warm (1) or not (0).", nil, nil),
		failures: prometheus.NewDesc("wrpdistributor_warm_passes_failed_total",
			"Attempts of this process to bring a host's warm containers to their number that failed.", nil, nil),
	}}
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.wanted
	ch <- c.lease
	ch <- c.failures
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, h := range c.Pool.Hosts() {
		ch <- prometheus.MustNewConstMetric(c.wanted, prometheus.GaugeValue, float64(h.Warm+h.WarmTLS), h.Name)
	}
	held := 0.0
	if c.counts.keeps() && c.isEnabled() {
		held = 1
	}
	ch <- prometheus.MustNewConstMetric(c.lease, prometheus.GaugeValue, held)
	ch <- prometheus.MustNewConstMetric(c.failures, prometheus.CounterValue, float64(c.counts.failed.Load()))
}
