package main

import (
	"log/slog"
	"net/http"
	"runtime"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/service"
)

const (
	metricsPath = "/metrics"
	maxScrapes  = 4 // at once; nobody has so many
)

// monitoring is what is told of this process. It is there before the database is.
type monitoring struct {
	registry *prometheus.Registry
	serving  prometheus.Gauge
	page     http.Handler
}

func newMonitoring(guard *auth.Guard, log *slog.Logger) *monitoring {
	m := &monitoring{
		registry: prometheus.NewRegistry(),
		serving: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "wrpdistributor_serving",
			Help: "Whether the service has begun (1), or still waits for its database (0).",
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "wrpdistributor_build_info",
		Help:        "Always 1; the labels say which build of the program this is.",
		ConstLabels: prometheus.Labels{"version": service.BuildVersion(), "goversion": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(m.serving, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(guard.Metrics()...)
	// What one part cannot tell does not keep the others.
	m.page = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxScrapes,
	})
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
	m.registry.MustRegister(parts...)
	m.serving.Set(1)
}

// handler returns what serves metrics, and nothing else, to whoever can reach it.
func (m *monitoring) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+metricsPath, m.page)
	return mux
}
