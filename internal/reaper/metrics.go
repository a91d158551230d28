package reaper

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// What came of a pass.
const (
	passDone     = "done"
	passProblems = "problems" // made, and something could not be corrected
	passFailed   = "failed"   // not made: the database could not be asked
)

// passes is what a reaper remembers of those over all hosts. Its zero value is ready to
// use.
type passes struct {
	mu      sync.Mutex // guards what follows
	every   time.Duration
	results map[string]int
	orphans int
	stuck   int           // sessions that could not be stopped
	took    time.Duration // by the last one
	success time.Time     // of the last one that was made; zero: none yet
}

// Repeats says how often passes are made, for monitoring.
func (r *Reaper) Repeats(every time.Duration) {
	r.passes.mu.Lock()
	defer r.passes.mu.Unlock()
	r.passes.every = every
}

// done notes a pass that began then.
func (p *passes) done(began time.Time, r *Report, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.results == nil {
		p.results = make(map[string]int)
	}
	p.took = time.Since(began)
	if err != nil {
		p.results[passFailed]++
		return
	}
	p.success, p.orphans, p.stuck = time.Now(), p.orphans+r.Orphans, p.stuck+r.Failed
	if len(r.Problems) > 0 {
		p.results[passProblems]++
		return
	}
	p.results[passDone]++
}

// A passCollector tells of passes.
type passCollector struct {
	*passes

	total, interval, success, took, orphans, stuck *prometheus.Desc
}

// Metrics returns what is known of the passes that were made. Which sessions are
// stopped, and why, is counted by those that stop them.
func (r *Reaper) Metrics() []prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("wrpdistributor_cleanup_"+name, help, labels, nil)
	}
	return []prometheus.Collector{&passCollector{
		passes:   &r.passes,
		total:    desc("passes_total", "Passes of cleanup by this process, by what came of them.", "result"),
		interval: desc("interval_seconds", "How often this process cleans up (CLEANUP_EVERY, or cleanup --every)."),
		success:  desc("last_success_timestamp_seconds", "When the last pass ended that was made, with problems or without; 0: none yet."),
		took:     desc("last_pass_duration_seconds", "How long the last pass took."),
		orphans:  desc("orphans_removed_total", "Containers that no session knew, and that were removed."),
		stuck:    desc("failures_total", "Sessions that a pass was to stop, and could not. The next one tries again."),
	}}
}

// Describe implements [prometheus.Collector].
func (c *passCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.total, c.interval, c.success, c.took, c.orphans, c.stuck} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *passCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, result := range []string{passDone, passProblems, passFailed} {
		ch <- prometheus.MustNewConstMetric(c.total, prometheus.CounterValue, float64(c.results[result]), result)
	}
	at := 0.0
	if !c.passes.success.IsZero() {
		at = float64(c.passes.success.UnixMilli()) / 1000
	}
	ch <- prometheus.MustNewConstMetric(c.success, prometheus.GaugeValue, at)
	ch <- prometheus.MustNewConstMetric(c.interval, prometheus.GaugeValue, c.every.Seconds())
	ch <- prometheus.MustNewConstMetric(c.took, prometheus.GaugeValue, c.passes.took.Seconds())
	ch <- prometheus.MustNewConstMetric(c.orphans, prometheus.CounterValue, float64(c.passes.orphans))
	ch <- prometheus.MustNewConstMetric(c.stuck, prometheus.CounterValue, float64(c.passes.stuck))
}
