package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/service"
)

// serve runs the service until ctx is done.
func serve(ctx context.Context, opt *options, stderr io.Writer) error {
	cfg, err := load(opt)
	if err != nil {
		return cli.Usage(err)
	}
	log := newLogger(cfg, stderr)
	for _, w := range cfg.Warnings {
		log.WarnContext(ctx, "setting not read", "name", w.Variable, "err", w.Want)
	}
	limitGarbage()
	if opt.pretend > 0 {
		pretending, err := service.Pretend(cfg, opt.pretend, log)
		if err != nil {
			return err
		}
		defer closeAll(pretending, log)
	}
	d, err := newDistributor(cfg, log)
	if err != nil {
		return err
	}
	d.pretends = opt.pretend > 0
	return d.run(ctx)
}

// limitGarbage keeps what clients make us hold from being held twice: by default the
// collector lets memory double. GOGC is for who wants it otherwise.
func limitGarbage() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

func load(opt *options) (*config.Config, error) {
	if opt.pretend > 0 {
		return config.LoadPretend(opt.envFile)
	}
	return config.Load(opt.envFile)
}

// forgetRows deletes all sessions on our hosts. The containers of pretend hosts
// have ended with the process that pretended before this one.
func forgetRows(ctx context.Context, svc *service.Service) error {
	for _, h := range svc.Pool.Hosts() {
		if _, err := svc.Store.Forget(ctx, h.Name); err != nil {
			return err
		}
	}
	return nil
}

// comparePool warns if the process before this one worked on the same database
// with another pool. Both go on: while hosts are being changed that is normal.
func comparePool(ctx context.Context, cfg *config.Config, svc *service.Service, log *slog.Logger) error {
	pool := describePool(cfg)
	before, err := svc.Store.SwapPool(ctx, pool)
	if err == nil && before != "" && before != pool {
		log.WarnContext(ctx, "pool differs from the last process", "before", before, "now", pool)
	}
	return err
}

func describePool(cfg *config.Config) string {
	names := make([]string, len(cfg.Hosts))
	for i, h := range cfg.Hosts {
		names[i] = fmt.Sprintf("%s=%d", h.Name, h.Max)
	}
	return fmt.Sprintf("hosts %s from port %d", strings.Join(names, ","), cfg.StartPort)
}

func closeAll(c io.Closer, log *slog.Logger) {
	if err := c.Close(); err != nil {
		log.Warn("close failed", "err", err)
	}
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
