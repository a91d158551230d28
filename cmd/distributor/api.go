package main

import (
	"log/slog"
	"net/http"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/httpapi"
	"wrpdistributor/internal/service"
)

func newAPI(cfg *config.Config, svc *service.Service, heartbeat *database.Heartbeat, operators, monitoring http.Handler, guard *auth.Guard, log *slog.Logger) *httpapi.Server {
	c := tokens(cfg)
	c.Sessions = svc.Sessions
	c.Pool = svc.Pool
	c.Writable = heartbeat.Err
	c.Guard = guard
	c.Operators, c.Monitoring = operators, monitoring
	c.Log = log
	c.Journal = svc.Journal
	c.Version = service.BuildVersion()
	c.MaxSessionAge = cfg.MaxSessionAge
	c.Dashboard = newBoard(cfg, svc, heartbeat, log).HTML
	c.GatewayAddress = cfg.Gateway.Address
	c.GatewayTLSAddress = cfg.Gateway.TLSAddress
	return httpapi.New(c)
}

// tokens returns what whoever asks has to show, and nothing else of what is needed.
func tokens(cfg *config.Config) httpapi.Config {
	return httpapi.Config{
		AuthToken:     string(cfg.AuthToken),
		PreviousToken: string(cfg.AuthTokenPrevious),
		BackendToken:  string(cfg.BackendToken),
		AdminToken:    string(cfg.AdminToken),
		MetricsToken:  string(cfg.MetricsToken),

		DashboardPublic: cfg.DashboardPublic,
	}
}
