package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/httpapi"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/service"
	"wrpdistributor/internal/warm"
)

const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second // of a whole request, over a slow modem too
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
	closeTimeout  = 3 * time.Second
)

// serve runs the service until ctx is done.
func serve(ctx context.Context, opt *options, stderr io.Writer, code *int) error {
	cfg, err := load(opt)
	if err != nil {
		return err
	}
	*code = exitFailed
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

	ln, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on LISTEN=%s: %w", cfg.Listen, err)
	}
	log.Info("serving", "address", ln.Addr().String(), "config", cfg)
	return serveOn(ctx, ln, cfg, svc, log)
}

// serveOn runs all parts and returns when all have stopped.
func serveOn(ctx context.Context, ln net.Listener, cfg *config.Config, svc *service.Service, log *slog.Logger) error {
	api := httpapi.New(httpapi.Config{
		Sessions:       svc.Sessions,
		Pool:           svc.Pool,
		Ping:           svc.DB.PingContext,
		AuthToken:      string(cfg.AuthToken),
		AdminToken:     string(cfg.AdminToken),
		TrustedProxies: cfg.TrustedProxies,
		Log:            log,

		GatewayAddress:    cfg.Gateway.Address,
		GatewayTLSAddress: cfg.Gateway.TLSAddress,
	})
	srv := &http.Server{
		Handler:           api,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	keeper := &warm.Keeper{Sessions: svc.Sessions, Pool: svc.Pool, MaxAge: cfg.WarmMaxAge, Release: cfg.WarmRelease, Log: log}
	kept := make(chan struct{})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return svc.Pool.Run(ctx, svc.Sessions) })
	g.Go(func() error { defer close(kept); return keeper.Run(ctx) })
	if cfg.CleanupEvery > 0 {
		g.Go(func() error { return svc.Reaper.Run(ctx, cfg.CleanupEvery, reaper.Options{Idle: cfg.CleanupTimeout}) })
	}
	g.Go(func() error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		log.Info("shutting down, requests under way may finish", "within", cfg.ShutdownTimeout)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.ShutdownTimeout)
		defer cancel()
		api.Drain(ctx)
		<-kept               // no start begins any more
		svc.Sessions.Close() // what has not started by now is rolled back
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		return errors.Join(srv.Shutdown(ctx), srv.Close())
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
