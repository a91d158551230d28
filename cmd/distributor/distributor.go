package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/httpapi"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/service"
	"wrpdistributor/internal/warm"
)

const closeTimeout = 3 * time.Second

// A distributor is all parts of the service, connected.
type distributor struct {
	cfg       *config.Config
	svc       *service.Service
	listeners *listeners
	api       *httpapi.Server
	gateway   *gateway.Gateway // nil: GATEWAY_LISTEN is not set
	warmer    *warm.Warmer
	heartbeat *database.Heartbeat
	log       *slog.Logger

	apiServer     *http.Server
	gatewayServer *http.Server // for both of the gateway's listeners; nil with gateway
}

// newDistributor connects the parts, and listens.
func newDistributor(cfg *config.Config, svc *service.Service, log *slog.Logger) (*distributor, error) {
	listeners, err := openListeners(cfg, log)
	if err != nil {
		return nil, err
	}
	guard := auth.New(cfg.TrustedProxies, log)
	d := &distributor{cfg: cfg, svc: svc, listeners: listeners, heartbeat: database.NewHeartbeat(svc.DB, log), log: log}
	d.api = newAPI(cfg, svc, d.heartbeat, guard, log)
	d.apiServer = newServer(d.api, readTimeout, log)
	if listeners.gateway != nil {
		d.gateway = newGateway(cfg, svc, guard, log)
		d.gatewayServer = newServer(d.gateway, 0, log) // the gateway sets the deadlines of requests itself
		svc.Sessions.SetObserver(d.gateway)
	}
	d.warmer = newWarmer(cfg, svc, log)
	return d, nil
}

func newAPI(cfg *config.Config, svc *service.Service, heartbeat *database.Heartbeat, guard *auth.Guard, log *slog.Logger) *httpapi.Server {
	return httpapi.New(httpapi.Config{
		Sessions:          svc.Sessions,
		Pool:              svc.Pool,
		Writable:          heartbeat.Err,
		Guard:             guard,
		AuthToken:         string(cfg.AuthToken),
		AdminToken:        string(cfg.AdminToken),
		Log:               log,
		GatewayAddress:    cfg.Gateway.Address,
		GatewayTLSAddress: cfg.Gateway.TLSAddress,
	})
}

func newGateway(cfg *config.Config, svc *service.Service, guard *auth.Guard, log *slog.Logger) *gateway.Gateway {
	address := cfg.Gateway.Address
	if host, _, _ := net.SplitHostPort(address); host == "" {
		address = "" // clients reach it by an address that only they know
	}
	return gateway.New(gateway.Config{
		Sessions:     svc.Sessions,
		Store:        svc.Store,
		Pool:         svc.Pool,
		Guard:        guard,
		Address:      address,
		FreezeAfter:  cfg.Gateway.FreezeAfter,
		DrainTimeout: cfg.StopTimeout,
		Log:          log,
	})
}

func newWarmer(cfg *config.Config, svc *service.Service, log *slog.Logger) *warm.Warmer {
	return &warm.Warmer{
		Sessions: svc.Sessions,
		Store:    svc.Store,
		Pool:     svc.Pool,
		Gateway:  cfg.Gateway.Listen != "",
		MaxAge:   cfg.WarmMaxAge,
		Release:  cfg.WarmRelease,
		Log:      log,
	}
}

// run serves until ctx is done, and returns when all parts have stopped.
func (d *distributor) run(ctx context.Context) error {
	warmerDone := make(chan struct{})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.heartbeat.Run(ctx) })
	g.Go(func() error { return d.svc.Pool.Run(ctx, d.svc.Sessions) })
	if every := d.cfg.CleanupEvery; every > 0 {
		g.Go(func() error { return d.svc.Reaper.Run(ctx, every, reaper.Options{Idle: d.cfg.CleanupTimeout}) })
	}
	g.Go(func() error { defer close(warmerDone); return d.warmer.Run(ctx) })
	g.Go(func() error { return d.listeners.api.serve(d.apiServer) })
	if d.gateway != nil {
		g.Go(func() error { return d.gateway.Run(ctx) })
		g.Go(func() error { return d.listeners.gateway.serve(d.gatewayServer) })
	}
	if d.listeners.gatewayTLS != nil {
		g.Go(func() error { return d.listeners.gatewayTLS.serve(d.gatewayServer) })
	}
	g.Go(func() error {
		<-ctx.Done()
		d.log.Info("shutting down", "within", d.cfg.ShutdownTimeout)
		d.drain(context.WithoutCancel(ctx))
		<-warmerDone           // from here on no start begins
		d.svc.Sessions.Close() // what has not started by now is rolled back
		return d.disconnect(context.WithoutCancel(ctx))
	})
	return g.Wait()
}

// drain refuses further requests, and waits for those under way for as long as
// is configured.
func (d *distributor) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.ShutdownTimeout)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { d.api.Drain(ctx) })
	if d.gateway != nil {
		wg.Go(func() { d.gateway.Drain(ctx) })
	}
	wg.Wait()
}

// disconnect closes the listeners and all connections with clients.
func (d *distributor) disconnect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	err := errors.Join(d.apiServer.Shutdown(ctx), d.apiServer.Close())
	if d.gateway != nil {
		err = errors.Join(err, d.gatewayServer.Shutdown(ctx), d.gatewayServer.Close())
		d.gateway.Close()
	}
	return err
}
