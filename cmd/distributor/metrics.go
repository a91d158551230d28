package main

import (
	"log/slog"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/service"
)

// monitoring is what is told of this process. It is there before the database is.
type monitoring struct {
	registry *prometheus.Registry
	serving  prometheus.Gauge
	page     http.Handler
}

func newMonitoring(guard *auth.Guard, log *slog.Logger) *monitoring {
	m := &monitoring{
		registry: service.NewRegistry(),
		serving: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "wrpdistributor_serving",
			Help: "Whether the service has begun (1), or still waits for its database (0).",
		}),
	}
	m.registry.MustRegister(m.serving)
	m.registry.MustRegister(guard.Metrics()...)
	m.page = service.MetricsPage(m.registry, log)
	return m
}

// connect has all parts of the service tell what they count.
func (m *monitoring) connect(d *distributor) {
	parts := slices.Concat(d.svc.Sessions.Metrics(), d.svc.Pool.Metrics(), d.svc.Journal.Metrics(), d.svc.DB.Metrics(),
		d.heartbeat.Metrics(), d.warmer.Metrics(), d.api.Metrics(), d.svc.Accounts.Metrics())
	if d.cfg.CleanupEvery > 0 {
		parts = append(parts, d.svc.Reaper.Metrics()...)
	}
	if d.gateway != nil {
		parts = append(parts, d.gateway.Metrics()...)
	}
	if d.portal != nil {
		parts = append(parts, d.portal.Metrics()...)
	}
	m.registry.MustRegister(parts...)
	m.serving.Set(1)
}
