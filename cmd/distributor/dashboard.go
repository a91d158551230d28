package main

import (
	"context"
	"log/slog"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/dashboard"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service"
)

func newBoard(cfg *config.Config, svc *service.Service, heartbeat *database.Heartbeat, log *slog.Logger) *dashboard.Board {
	ask := operatorConfig(cfg, svc, heartbeat, log)
	return &dashboard.Board{
		Status:  func(ctx context.Context) (operator.Status, error) { return operator.Summarize(ctx, ask) },
		Hosts:   func(ctx context.Context) (operator.Hosts, error) { return operator.Look(ctx, svc.Sessions) },
		DB:      svc.DB,
		Aliases: dashboard.NewAliases(svc.DatabaseID),
		Version: service.BuildVersion(),
		Log:     log,
	}
}
