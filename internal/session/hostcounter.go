package session

import (
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"wrpdistributor/internal/hosts"
)

// A hostCounter counts what happens on each host of a pool, from 0 on. What it knows of a
// host that has left goes with the next scrape. It is safe for concurrent use.
type hostCounter struct {
	desc *prometheus.Desc
	pool *hosts.Pool

	mu sync.Mutex // guards n
	n  map[string]uint64
}

func newHostCounter(pool *hosts.Pool, name, help string) *hostCounter {
	return &hostCounter{
		desc: prometheus.NewDesc("wrpdistributor_"+name, help, []string{"host"}, nil),
		pool: pool,
		n:    make(map[string]uint64),
	}
}

func (c *hostCounter) add(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[host]++
}

// Describe implements [prometheus.Collector].
func (c *hostCounter) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect implements [prometheus.Collector].
func (c *hostCounter) Collect(ch chan<- prometheus.Metric) {
	var names []string
	for _, h := range c.pool.Hosts() {
		names = append(names, h.Name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.n, func(host string, _ uint64) bool { return !slices.Contains(names, host) })
	for _, host := range names {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(c.n[host]), host)
	}
}
