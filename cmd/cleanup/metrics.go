package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/service"
)

const (
	scrapeTimeout = 10 * time.Second // for a request, and for its answer
	maxHeader     = 32 << 10
)

// serveMetrics tells monitoring what this process does until ctx is done. How the pool is,
// which distributors tell, it leaves to them.
func serveMetrics(ctx context.Context, ln net.Listener, svc *service.Service, heartbeat *database.Heartbeat, log *slog.Logger) error {
	registry := service.NewRegistry()
	registry.MustRegister(slices.Concat(svc.Reaper.Metrics(), svc.Sessions.EndMetrics(),
		svc.Journal.Metrics(), svc.DB.Metrics(), heartbeat.Metrics())...)
	srv := &http.Server{
		Handler:     service.MetricsOnly(service.MetricsPage(registry, log)),
		ReadTimeout: scrapeTimeout, WriteTimeout: scrapeTimeout, IdleTimeout: time.Minute, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on --metrics-listen: %w", err)
	}
	return nil
}
