package journal

import "github.com/prometheus/client_golang/prometheus"

// A writing is what the writer knows of its entries, for monitoring.
type writing struct {
	*Writer

	entries, lost, waiting, failures *prometheus.Desc
}

// Metrics returns what became of the entries.
func (w *Writer) Metrics() []prometheus.Collector {
	if w == nil {
		return nil
	}
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("wrpdistributor_journal_"+name, help, nil, nil)
	}
	return []prometheus.Collector{&writing{
		Writer:   w,
		entries:  desc("entries_total", "Entries that were taken to be written; repetitions of one are none."),
		lost:     desc("entries_lost_total", "Entries that were not taken, since too many waited."),
		waiting:  desc("entries_waiting", "Entries that wait to be written, of 4096 at most."),
		failures: desc("write_failures_total", "Attempts to write entries that the database did not take. They are tried again."),
	}}
}

// Describe implements [prometheus.Collector].
func (m *writing) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.entries, m.lost, m.waiting, m.failures} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (m *writing) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ch <- prometheus.MustNewConstMetric(m.entries, prometheus.CounterValue, float64(m.number))
	ch <- prometheus.MustNewConstMetric(m.lost, prometheus.CounterValue, float64(m.lostEver))
	ch <- prometheus.MustNewConstMetric(m.waiting, prometheus.GaugeValue, float64(len(m.queue)))
	ch <- prometheus.MustNewConstMetric(m.failures, prometheus.CounterValue, float64(m.refused))
}
