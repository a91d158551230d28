package auth

import "github.com/prometheus/client_golang/prometheus"

// What became of a request whose token is wrong or missing.
const (
	refused = "refused" // 401
	limited = "limited" // 429: there were too many of its address
)

func newFailures() *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "wrpdistributor_auth_failures_total",
		Help: "Requests with a wrong or missing token, by whether their address had too many of them. Of people and programs, at all ports.",
	}, []string{"result"})
	c.WithLabelValues(refused)
	c.WithLabelValues(limited)
	return c
}

// Metrics returns how many requests failed to authenticate.
func (g *Guard) Metrics() []prometheus.Collector { return []prometheus.Collector{g.failed} }
