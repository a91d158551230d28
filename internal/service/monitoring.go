package service

import (
	"log/slog"
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// MetricsPath is where monitoring asks.
	MetricsPath = "/metrics"

	maxScrapes = 4 // at once; nobody has so many
)

// NewRegistry returns a registry of what every process tells: which build it is, and what
// it uses.
func NewRegistry() *prometheus.Registry {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "wrpdistributor_build_info",
		Help:        "Always 1; the labels say which build of the program this is.",
		ConstLabels: prometheus.Labels{"version": BuildVersion(), "goversion": runtime.Version()},
	})
	build.Set(1)
	r := prometheus.NewRegistry()
	r.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// MetricsPage returns a page of what is registered. What one part cannot tell does not
// keep the others.
func MetricsPage(r *prometheus.Registry, log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxScrapes,
	})
}

// MetricsOnly returns what serves that page, and nothing else, to whoever can reach it.
func MetricsOnly(page http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+MetricsPath, page)
	return mux
}
