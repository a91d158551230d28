package main

import (
	"log/slog"

	"wrpdistributor/internal/service"
	"wrpdistributor/internal/statistics"
)

func newSampler(svc *service.Service, log *slog.Logger) *statistics.Sampler {
	return &statistics.Sampler{DB: svc.DB, Sessions: svc.Sessions, Holder: svc.Process.ID, Log: log}
}
