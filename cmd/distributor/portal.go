package main

import (
	"log/slog"
	"net"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/portal"
	"wrpdistributor/internal/service"
)

// newPortal returns what people's browsers meet before the gateway.
func newPortal(cfg *config.Config, svc *service.Service, gw *gateway.Gateway, guard *auth.Guard, log *slog.Logger) *portal.Portal {
	_, port, _ := net.SplitHostPort(cfg.Gateway.Address) // the configuration has looked at it
	c := portal.Config{
		Sessions:   svc.Sessions,
		Accounts:   svc.Accounts,
		Gateway:    gw,
		Guard:      guard,
		Log:        log,
		DatabaseID: svc.DatabaseID,
		Anyone:     cfg.Portal.Mode == config.PortalAnyone,
		PerAddress: cfg.Portal.PerAddress,
		Proxy:      cfg.Portal.Proxy,
		Names:      cfg.Portal.Names,
		Address:    withHost(cfg.Gateway.Address),
		TLSAddress: withHost(cfg.Gateway.TLSAddress),
		Port:       port,
		Wait:       cfg.Portal.Wait,
		MaxAge:     cfg.MaxSessionAge,
	}
	if cfg.CleanupEvery > 0 { // else whoever runs cleanup says so
		c.Idle = cfg.CleanupTimeout
	}
	return portal.New(c)
}
