package httpapi

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"wrpdistributor/internal/auth"
)

// Metrics returns what the interface counts by itself.
func (s *Server) Metrics() []prometheus.Collector {
	return []prometheus.Collector{prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "wrpdistributor_previous_token_requests_total",
		Help: "Requests with AUTH_TOKEN_PREVIOUS. While it grows, clients still need it.",
	}, func() float64 { return float64(s.outdated.ever.Load()) })}
}

// monitoring returns the route of metrics, which is there as soon as somebody could have
// the token for it, or nil.
func (s *Server) monitoring() http.Handler {
	if s.Monitoring == nil || s.MetricsToken == "" && s.AdminToken == "" {
		return nil
	}
	return s.require(access{roles: []auth.Role{auth.Operator, auth.Metrics}}, s.handle(func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			return errMethod
		}
		s.Monitoring.ServeHTTP(w, r)
		return nil
	}))
}
