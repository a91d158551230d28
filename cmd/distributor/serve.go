package main

import (
	"context"
	"io"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/service"
	"wrpdistributor/internal/warm"
)

// serve runs the service until ctx is done.
func serve(ctx context.Context, opt *options, stderr io.Writer) error {
	cfg, err := load(opt)
	if err != nil {
		return cli.Usage(err)
	}
	log := newLogger(cfg, stderr)

	var pretending *service.Pretending
	if opt.pretend > 0 {
		if pretending, err = service.Pretend(cfg, opt.pretend, log); err != nil {
			return err
		}
		defer closeAll(pretending, log)
	}
	db, err := database.OpenAndMigrate(ctx, service.Database(cfg, true))
	if err != nil {
		return err
	}
	svc, err := service.Open(ctx, cfg, db, log)
	if err != nil {
		return err
	}
	defer closeAll(svc, log)
	if pretending != nil {
		if err := pretending.ClearRows(ctx, svc); err != nil {
			return err
		}
	}
	if err := svc.ComparePool(ctx, cfg, log); err != nil {
		return err
	}

	doors, err := openDoors(cfg, log)
	if err != nil {
		return err
	}
	log.Info("serving", "address", doors.list[0].ln.Addr().String(), "config", cfg)
	return serveOn(ctx, doors, cfg, svc, log)
}

// serveOn runs all parts and returns when all have stopped.
func serveOn(ctx context.Context, doors *doors, cfg *config.Config, svc *service.Service, log *slog.Logger) error {
	keeper := &warm.Warmer{Sessions: svc.Sessions, Store: svc.Store, Pool: svc.Pool, Gateway: cfg.Gateway.Listen != "", MaxAge: cfg.WarmMaxAge, Release: cfg.WarmRelease, Log: log}
	kept := make(chan struct{})
	doors.serve(cfg, svc, log)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return svc.Pool.Run(ctx, svc.Sessions) })
	g.Go(func() error { defer close(kept); return keeper.Run(ctx) })
	if cfg.CleanupEvery > 0 {
		g.Go(func() error { return svc.Reaper.Run(ctx, cfg.CleanupEvery, reaper.Options{Idle: cfg.CleanupTimeout}) })
	}
	doors.run(ctx, g)
	g.Go(func() error {
		<-ctx.Done()
		log.Info("shutting down, requests under way may finish", "within", cfg.ShutdownTimeout)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.ShutdownTimeout)
		defer cancel()
		doors.drain(ctx)
		<-kept               // no start begins any more
		svc.Sessions.Close() // what has not started by now is rolled back
		return doors.close(ctx)
	})
	return g.Wait()
}

func closeAll(c io.Closer, log *slog.Logger) {
	if err := c.Close(); err != nil {
		log.Warn("closing", "err", err)
	}
}

func load(opt *options) (*config.Config, error) {
	if opt.pretend > 0 {
		return config.LoadPretend(opt.envFile)
	}
	return config.Load(opt.envFile)
}

func newLogger(cfg *config.Config, w io.Writer) *slog.Logger {
	opt := &slog.HandlerOptions{Level: cfg.LogLevel}
	var h slog.Handler = slog.NewTextHandler(w, opt)
	if cfg.LogFormat == "json" {
		h = slog.NewJSONHandler(w, opt)
	}
	log := slog.New(h)
	if cfg.Instance != "" {
		log = log.With("instance", cfg.Instance)
	}
	return log
}
