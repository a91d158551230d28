package portal

import "github.com/prometheus/client_golang/prometheus"

// metrics is what a portal counts.
type metrics struct {
	pages   *prometheus.CounterVec
	waiting prometheus.GaugeFunc
}

func newMetrics(w *waits) *metrics {
	m := &metrics{
		pages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wrpdistributor_portal_pages_total",
			Help: "Pages that the portal answered with itself, by what they are for.",
		}, []string{"page"}),
		waiting: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "wrpdistributor_portal_waiting", Help: "People whose browsers look again and again for a session.",
		}, func() float64 { return float64(w.number()) }),
	}
	for _, page := range pageNames() {
		m.pages.WithLabelValues(page)
	}
	return m
}

// count counts an exchange that is over.
func (m *metrics) count(x *exchange) {
	if x.page != "" {
		m.pages.WithLabelValues(x.page).Inc()
	}
}

// Metrics returns what the portal counts.
func (p *Portal) Metrics() []prometheus.Collector {
	return []prometheus.Collector{p.metrics.pages, p.metrics.waiting}
}
