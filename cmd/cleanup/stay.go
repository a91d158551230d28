package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service"
)

// reloads returns what tells of SIGHUP, which asks for the hosts to be read again, until
// ignore is called. One that makes a single pass has no use for it.
func (opt *options) reloads() (signals <-chan os.Signal, ignore func()) {
	if opt.every == 0 {
		return nil, func() {}
	}
	all := make(chan os.Signal, 1) // one that waits will do
	signal.Notify(all, syscall.SIGHUP)
	return all, func() { signal.Stop(all) }
}

// stay repeats passes, lets other processes know that it does, and reads the hosts again
// when told to.
func stay(cmd *cobra.Command, opt *options, cfg *config.Config, svc *service.Service, log *slog.Logger, reloads <-chan os.Signal) error {
	reloader, err := newReloader(opt, cfg, svc, log)
	if err != nil {
		return err
	}
	var metrics net.Listener // nil: monitoring does not ask
	if opt.metricsListen != "" {
		if metrics, err = net.Listen("tcp", opt.metricsListen); err != nil {
			return fmt.Errorf("listen on --metrics-listen=%s: %w", opt.metricsListen, err)
		}
	}
	beating, stop := context.WithCancel(context.WithoutCancel(cmd.Context()))
	g, ctx := errgroup.WithContext(cmd.Context())
	heartbeat := database.NewHeartbeat(svc.DB, svc.Process, log)
	svc.Reaper.Repeats(opt.every)
	if metrics != nil {
		g.Go(func() error { return serveMetrics(ctx, metrics, svc, heartbeat, log) })
	}
	g.Go(func() error { return heartbeat.Run(beating) })
	g.Go(func() error { return reloader.Run(ctx) })
	g.Go(func() error { return reloadOnSignal(ctx, cmd, reloader, reloads) })
	g.Go(func() error { return listenForReloads(ctx, cfg, reloader, log) })
	g.Go(func() error {
		defer stop()
		cmd.SetContext(ctx)
		return repeat(cmd, opt, svc)
	})
	return g.Wait()
}

func newReloader(opt *options, cfg *config.Config, svc *service.Service, log *slog.Logger) (*service.Reloader, error) {
	r := &service.Reloader{Service: svc, Config: cfg, Log: log}
	if cfg.Pretend.Max > 0 {
		return r, nil // the hosts of one that pretends
	}
	var err error
	r.Origin, err = config.Remember(opt.envFile)
	return r, err
}

// reloadOnSignal reads the hosts again for each signal, until ctx is done.
func reloadOnSignal(ctx context.Context, cmd *cobra.Command, reloader *service.Reloader, signals <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-signals:
			if _, err := reloader.Reload(ctx); err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "cleanup: nothing was changed:", err)
			}
		}
	}
}

// listenForReloads has a control socket, for "distributor reload" only. Without one there
// is still the signal.
func listenForReloads(ctx context.Context, cfg *config.Config, reloader *service.Reloader, log *slog.Logger) error {
	socket, err := operator.Listen(cfg.RuntimeDir, reloader.Service.Process.ID)
	if err != nil {
		log.WarnContext(ctx, "no control socket; this process reads HOSTS_FILE again on SIGHUP only", "err", err)
		return nil
	}
	return socket.Run(ctx, operator.ReloadHandler(reloader.Reload, log))
}
