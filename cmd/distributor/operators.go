package main

import (
	"log/slog"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service"
)

// operatorConfig returns what operators are answered from.
func operatorConfig(cfg *config.Config, svc *service.Service, heartbeat *database.Heartbeat, log *slog.Logger) operator.Config {
	return operator.Config{
		Sessions:  svc.Sessions,
		Store:     svc.Store,
		Processes: svc.DB.Known,
		DB:        svc.DB,
		Accounts:  svc.Accounts,
		StopNow:   svc.Reaper.StopNow,
		Writable:  heartbeat.Err,
		Process:   svc.Process.ID,
		Image:     cfg.Container.Image,
		Log:       log,
	}
}

// openControl makes the control socket. Without it commands ask elsewhere.
func openControl(cfg *config.Config, svc *service.Service, log *slog.Logger) *operator.Socket {
	s, err := operator.Listen(cfg.RuntimeDir, svc.Process.ID)
	if err != nil {
		log.Warn("no control socket; commands cannot ask this process", "err", err)
		return nil
	}
	return s
}
