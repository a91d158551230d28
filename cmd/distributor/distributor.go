package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/httpapi"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/portal"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/service"
	"wrpdistributor/internal/session"
	"wrpdistributor/internal/warm"
)

// closeTimeout is for connections on which nothing goes on that is waited for.
const closeTimeout = time.Second

// A distributor is all parts of the service, connected. It listens from the start;
// what needs the database is there once that is.
type distributor struct {
	cfg       *config.Config
	listeners *listeners
	guard     *auth.Guard
	log       *slog.Logger
	process   database.Process // this one, whose DatabaseID is the service's to know
	waits     *wait

	apiServer     *http.Server
	apiFront      front
	gatewayServer *http.Server // for both of the gateway's listeners; nil: GATEWAY_LISTEN is not set
	gatewayFront  front
	metricsServer *http.Server     // nil: METRICS_LISTEN is not set
	control       *operator.Socket // nil: it cannot be made here
	controlFront  front
	monitoring    *monitoring

	svc       *service.Service
	api       *httpapi.Server
	operators http.Handler
	gateway   *gateway.Gateway // nil with gatewayServer
	portal    *portal.Portal   // before the gateway; nil: PORTAL is off
	warmer    *warm.Warmer
	heartbeat *database.Heartbeat
	pretends  bool           // what runs ends with the process
	origin    *config.Origin // nil: the hosts are pretended
	reloader  *service.Reloader
	reloads   chan os.Signal // each asks for one
}

// newDistributor listens, and answers that there is no service yet.
func newDistributor(cfg *config.Config, log *slog.Logger) (*distributor, error) {
	listeners, err := openListeners(cfg, log)
	if err != nil {
		return nil, err
	}
	d := &distributor{
		cfg: cfg, listeners: listeners, guard: auth.New(cfg.TrustedProxies, log), log: log,
		process: service.NewProcess(cfg), waits: &wait{since: time.Now()},
	}
	d.operators = d.waitingOperators()
	d.control = openControl(cfg, d.process, log)
	d.controlFront.set(d.operators)
	d.monitoring = newMonitoring(d.guard, log)
	waiting := tokens(cfg)
	waiting.Guard, waiting.Log, waiting.Monitoring, waiting.Operators = d.guard, log, d.monitoring.page, d.operators
	d.apiFront.set(httpapi.NewWaiting(waiting))
	d.apiServer = newServer(&d.apiFront, readTimeout, log)
	if listeners.metrics != nil {
		d.metricsServer = newServer(service.MetricsOnly(d.monitoring.page), readTimeout, log)
	}
	if listeners.gateway != nil {
		d.gatewayFront.set(http.HandlerFunc(gateway.Waiting))
		d.gatewayServer = newServer(&d.gatewayFront, 0, log) // the gateway sets the deadlines of requests itself
	}
	return d, nil
}

// connect puts the service behind the listeners.
func (d *distributor) connect(svc *service.Service) {
	d.svc = svc
	d.heartbeat = database.NewHeartbeat(svc.DB, svc.Process, d.log)
	d.reloader = &service.Reloader{Service: svc, Origin: d.origin, Config: d.cfg, Cleans: d.cfg.CleanupEvery == 0, Log: d.log}
	answers := operatorConfig(d.cfg, svc, d.heartbeat, d.log)
	answers.Reload = d.reloader.Reload
	d.operators = operator.Handler(answers)
	d.api = newAPI(d.cfg, svc, d.heartbeat, d.operators, d.monitoring.page, d.guard, d.log)
	if d.gatewayServer != nil {
		d.gateway = newGateway(d.cfg, svc, d.guard, d.log)
		svc.Sessions.SetObserver(d.gateway)
		d.gatewayFront.set(d.gateway)
	}
	if d.cfg.Portal.Mode != "" {
		d.portal = newPortal(d.cfg, svc, d.gateway, d.guard, d.log)
		d.gatewayFront.set(d.portal)
	}
	d.warmer = newWarmer(d.cfg, svc, d.log)
	d.monitoring.connect(d)
	warnOfFewDescriptors(len(d.cfg.Hosts), d.log)
	d.apiFront.set(d.api)
	d.controlFront.set(d.operators)
	d.log.Info("serving", "version", service.BuildVersion(), "address", d.listeners.api.Addr().String(), "config", d.cfg)
}

func newGateway(cfg *config.Config, svc *service.Service, guard *auth.Guard, log *slog.Logger) *gateway.Gateway {
	return gateway.New(gateway.Config{
		Sessions:     svc.Sessions,
		Store:        svc.Store,
		Pool:         svc.Pool,
		Guard:        guard,
		Journal:      svc.Journal,
		DatabaseID:   svc.DatabaseID,
		Address:      withHost(cfg.Gateway.Address),
		TLSAddress:   withHost(cfg.Gateway.TLSAddress),
		FreezeAfter:  cfg.Gateway.FreezeAfter,
		DrainTimeout: cfg.StopTimeout,
		Log:          log,
	})
}

// withHost returns an address that has a host. Else clients reach it by one that only
// they know.
func withHost(address string) string {
	if host, _, _ := net.SplitHostPort(address); host == "" {
		return ""
	}
	return address
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
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.listeners.api.serve(d.apiServer) })
	if d.listeners.apiTLS != nil {
		g.Go(func() error { return d.listeners.apiTLS.serve(d.apiServer) })
	}
	if d.metricsServer != nil {
		g.Go(func() error { return d.listeners.metrics.serve(d.metricsServer) })
	}
	if d.gatewayServer != nil {
		g.Go(func() error { return d.listeners.gateway.serve(d.gatewayServer) })
	}
	if d.listeners.gatewayTLS != nil {
		g.Go(func() error { return d.listeners.gatewayTLS.serve(d.gatewayServer) })
	}
	if d.control != nil {
		g.Go(func() error {
			return d.control.Run(ctx, operator.WithSettings(&d.controlFront, config.OwnEnvironment()))
		})
	}
	g.Go(func() error { return d.runService(ctx) })
	return g.Wait()
}

// runService waits for the database, runs what needs it until ctx is done, and
// closes the listeners.
func (d *distributor) runService(ctx context.Context) error {
	svc, err := d.await(ctx)
	switch {
	case err == nil:
		defer closeAll(svc, d.log)
		d.connect(svc)
		d.noteServing(ctx)
		err = d.runAlive(ctx)
		d.noteLeaving(ctx)
		d.sayWhatStays(context.WithoutCancel(ctx))
	case ctx.Err() != nil:
		err = nil // stopped while it waited
	}
	return errors.Join(err, d.disconnect(context.WithoutCancel(ctx)))
}

// runAlive runs the parts, and a heartbeat for as long as any of them runs: others
// take this process for stopped only when it does nothing any more.
func (d *distributor) runAlive(ctx context.Context) error {
	beating, stop := context.WithCancel(context.WithoutCancel(ctx))
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.heartbeat.Run(beating) })
	g.Go(func() error {
		defer stop()
		return d.runParts(ctx)
	})
	return g.Wait()
}

// runParts runs all that is behind the listeners until ctx is done.
func (d *distributor) runParts(ctx context.Context) error {
	warmerDone := make(chan struct{})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.svc.Pool.Run(ctx, d.svc.Sessions) })
	g.Go(func() error { return d.reloader.Run(ctx) })
	g.Go(func() error { return d.reloadOnSignal(ctx, d.reloads) })
	if every := d.cfg.CleanupEvery; every > 0 {
		g.Go(func() error {
			return d.svc.Reaper.Run(ctx, every, reaper.Options{Idle: d.cfg.CleanupTimeout, MaxAge: d.cfg.MaxSessionAge})
		})
	}
	g.Go(func() error { defer close(warmerDone); return d.warmer.Run(ctx) })
	g.Go(func() error { return newSampler(d.svc, d.log).Run(ctx) })
	if d.gateway != nil {
		g.Go(func() error { return d.gateway.Run(ctx) })
	}
	g.Go(func() error {
		<-ctx.Done()
		d.log.Info("shutting down", "within", d.cfg.ShutdownTimeout)
		d.drain(context.WithoutCancel(ctx))
		<-warmerDone           // from here on no start begins
		d.svc.Sessions.Close() // what has not started by now is rolled back
		return nil
	})
	return g.Wait()
}

// sayWhatStays logs how many containers outlive the process. If the database does not
// say that soon, nobody waits for it.
func (d *distributor) sayWhatStays(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	rows, err := d.svc.Store.All(ctx)
	rows = slices.DeleteFunc(rows, func(s session.Session) bool { return s.State == session.Stopping })
	if err != nil || len(rows) == 0 || d.pretends {
		return
	}
	warm := 0
	for _, s := range rows {
		if s.ClientIP == "" {
			warm++
		}
	}
	d.log.Info("sessions stay; cleanup --all stops them", "sessions", len(rows)-warm, "warm", warm)
}

// drain refuses further requests, and waits for those under way for as long as
// is configured; but not for clients that take or send nothing.
func (d *distributor) drain(ctx context.Context) {
	for _, l := range d.listeners.all() {
		l.Hurry()
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.ShutdownTimeout)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { d.api.Drain(ctx) })
	if d.gateway != nil {
		wg.Go(func() { d.gateway.Drain(ctx) })
	}
	if d.portal != nil {
		wg.Go(func() { d.portal.Drain(ctx) })
	}
	wg.Wait()
}

// disconnect closes the listeners and all connections with clients.
func (d *distributor) disconnect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	var errs []error
	for _, srv := range []*http.Server{d.apiServer, d.gatewayServer, d.metricsServer} {
		if srv != nil {
			errs = append(errs, shutDown(ctx, srv))
		}
	}
	if d.portal != nil {
		d.portal.Close()
	}
	if d.gateway != nil {
		d.gateway.Close()
	}
	return errors.Join(errs...)
}
