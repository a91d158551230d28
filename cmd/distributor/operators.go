package main

import (
	"log/slog"
	"net/http"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service"
)

// operatorConfig returns what operators are answered from.
func operatorConfig(cfg *config.Config, svc *service.Service, heartbeat *database.Heartbeat, log *slog.Logger) operator.Config {
	return operator.Config{
		Database:  service.Database(cfg, false),
		Sessions:  svc.Sessions,
		Store:     svc.Store,
		Processes: svc.DB.Known,
		DB:        svc.DB,
		Journal:   svc.Journal,
		Accounts:  svc.Accounts,
		StopNow:   svc.Reaper.StopNow,

		EndSessions: svc.EndSessions,

		Writable: heartbeat.Try,
		Failing:  heartbeat.Failing,
		Process:  svc.Process,
		Lives:    func(process string) bool { return operator.Lives(cfg.RuntimeDir, process) },
		Log:      log,
	}
}

// waitingOperators answers operators for as long as there is no database.
func (d *distributor) waitingOperators() http.Handler {
	return operator.Handler(operator.Config{
		Database: service.Database(d.cfg, false),
		Failing:  d.waits.failing,
		Process:  d.process,
		Reload:   d.reloadLater,
		Log:      d.log,
	})
}

// openControl makes the control socket. Without it commands ask elsewhere.
func openControl(cfg *config.Config, process database.Process, log *slog.Logger) *operator.Socket {
	s, err := operator.Listen(cfg.RuntimeDir, process.ID)
	if err != nil {
		log.Warn("no control socket; commands cannot ask this process", "err", err)
		return nil
	}
	return s
}
