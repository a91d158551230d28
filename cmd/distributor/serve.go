package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/service"
)

// serve runs the service until ctx is done.
func serve(ctx context.Context, opt *options, stderr io.Writer) error {
	reloads := make(chan os.Signal, 1) // one that waits will do
	signal.Notify(reloads, syscall.SIGHUP)
	defer signal.Stop(reloads)
	origin, cfg, err := load(opt)
	if err == nil {
		err = checkCertificates(cfg)
	}
	if err != nil {
		return cli.Usage(err)
	}
	log := newLogger(cfg, stderr)
	for _, w := range cfg.Warnings {
		log.WarnContext(ctx, "setting not read", "name", w.Variable, "err", w.Want)
	}
	if len(cfg.Ignored) > 0 {
		log.WarnContext(ctx, "settings not used while pretending", "names", cfg.Ignored)
	}
	service.LimitGarbage()
	hold := service.HoldDataDir
	if opt.pretend > 0 {
		hold = func(cfg *config.Config) (io.Closer, error) { return service.Pretend(cfg, int(opt.pretend), log) }
	}
	held, err := hold(cfg)
	switch {
	case err == nil:
		defer closeAll(held, log)
	case opt.pretend == 0 && !errors.Is(err, service.ErrInUse):
		log.Warn("data folder not locked; do not pretend on it meanwhile", "err", err)
	default:
		return err
	}
	d, err := newDistributor(cfg, log)
	if err != nil {
		return err
	}
	d.pretends, d.origin, d.reloads = opt.pretend > 0, origin, reloads
	return d.run(ctx)
}

// load reads the settings, and remembers where they came from, unless hosts are pretended.
func load(opt *options) (*config.Origin, *config.Config, error) {
	if opt.pretend > 0 {
		cfg, err := config.LoadPretend(opt.envFile, nil)
		return nil, cfg, err
	}
	cfg, err := config.Load(opt.envFile, nil)
	if err != nil {
		return nil, nil, err
	}
	origin, err := config.Remember(opt.envFile)
	return origin, cfg, err
}

// comparePool warns of other processes on the same database that work with another
// pool. All go on: while hosts are being changed that is normal.
func comparePool(ctx context.Context, svc *service.Service, log *slog.Logger) error {
	all, err := svc.DB.Living(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.Pool != svc.Process.Pool {
			log.WarnContext(ctx, "pool differs from another process", "process", p, "theirs", p.Pool, "ours", svc.Process.Pool)
		}
	}
	return nil
}

func closeAll(c io.Closer, log *slog.Logger) {
	if err := c.Close(); err != nil {
		log.Warn("close failed", "err", err)
	}
}

func newLogger(cfg *config.Config, w io.Writer) *slog.Logger {
	opt := service.LogOptions(cfg, cfg.LogLevel)
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
