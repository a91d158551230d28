package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/reminder"
	"wrpdistributor/internal/service"
)

// errUnclean says nothing about the causes, because the report has them.
var errUnclean = errors.New("something could not be cleaned, see above")

// errKnown ends a pass with nothing to say but what the passes before have said.
var errKnown = errors.New("something still could not be cleaned")

func clean(cmd *cobra.Command, opt *options) error {
	reloads, ignore := opt.reloads()
	defer ignore()
	var theirs config.Environment // one that stays does not depend on who started first
	if opt.every == 0 {
		theirs = service.Environment(cmd.Context(), opt.envFile)
	}
	cfg, err := service.LoadRunning(opt.envFile, theirs)
	if err != nil {
		return cli.Usage(err)
	}
	opt.warn(cmd, cfg.Warnings)
	opt.maxAge = cfg.MaxSessionAge
	level := slog.LevelError // what is less is in the report
	if cfg.LogLevel == slog.LevelDebug {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), service.LogOptions(cfg, level)))
	ctx := cmd.Context()
	db, err := database.Open(ctx, service.Database(cfg, false))
	if errors.Is(err, database.ErrNoDatabase) {
		return cli.Usage(err) // a wrong folder, most likely
	}
	if err != nil {
		return err
	}
	svc, err := service.Open(ctx, cfg, db, log)
	if err != nil {
		return err
	}
	defer svc.Close()
	switch {
	case opt.forgetHost != "":
		return forget(cmd, opt, cfg, svc)
	case opt.every > 0:
		return stay(cmd, opt, cfg, svc, log, reloads)
	}
	return once(cmd, opt, svc, &reminder.Trouble{})
}

// once makes one pass, and reports it if there is anything to say. An error that trouble
// has been told of is [errKnown].
func once(cmd *cobra.Command, opt *options, svc *service.Service, trouble *reminder.Trouble) error {
	bar := cli.NewBar(cmd.ErrOrStderr(), "sessions", -1)
	report, err := svc.Reaper.Reconcile(cmd.Context(), reaper.Options{
		Idle:      time.Duration(opt.timeout) * time.Minute,
		MaxAge:    opt.maxAge,
		All:       opt.all,
		NoOrphans: opt.noOrphans,
		DryRun:    opt.dryRun,
		// How many the reaper says are done is ignored, because it works on several at
		// once and may say it out of order.
		Progress: func(_, total int) { bar.StepOf(total) },
	})
	bar.Finish()
	if err != nil {
		if !trouble.Due(err) {
			return errKnown
		}
		return err
	}
	news := report.IsNews(trouble)
	if news || opt.speaks(cmd.OutOrStdout()) {
		if err := writeReport(cmd.OutOrStdout(), report, opt); err != nil {
			return err
		}
	}
	switch {
	case len(report.Problems) == 0:
		return nil
	case news:
		return errUnclean
	}
	return errKnown
}

// speaks reports whether a pass is reported that had nothing to do: whoever asked for
// that, or sits there, wants to know that it was made. Cron would send a mail each time.
func (opt *options) speaks(w io.Writer) bool {
	return opt.verbose || opt.dryRun || opt.json || cli.IsTerminal(w)
}

// warn names settings that nobody reads. Cron, which would send a mail each time, hears
// of them from the service.
func (opt *options) warn(cmd *cobra.Command, misspelt config.Problems) {
	if opt.every == 0 && !opt.speaks(cmd.OutOrStdout()) {
		return
	}
	for _, w := range misspelt {
		fmt.Fprintln(cmd.ErrOrStderr(), "cleanup:", w)
	}
}

// repeat makes passes until the command's context is done. A pass that fails is
// reported, once an hour if it fails as the one before, and does not keep the next one
// from being made.
func repeat(cmd *cobra.Command, opt *options, svc *service.Service) error {
	ctx := cmd.Context()
	tick := time.NewTicker(opt.every)
	defer tick.Stop()
	var trouble reminder.Trouble
	for {
		if err := once(cmd, opt, svc, &trouble); err != nil && !errors.Is(err, errKnown) && ctx.Err() == nil {
			fmt.Fprintln(cmd.ErrOrStderr(), "cleanup:", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func writeReport(w io.Writer, r *reaper.Report, opt *options) error {
	if opt.json {
		return json.NewEncoder(w).Encode(r)
	}
	for _, line := range slices.Concat(r.Endings, r.Planned, r.Problems) {
		fmt.Fprintln(w, line)
	}
	if r.Warm > 0 {
		fmt.Fprintf(w, "%d warm containers, which had no client, were stopped.\n", r.Warm)
	}
	if r.Orphans > 0 {
		fmt.Fprintf(w, "%d containers that no session knows were removed.\n", r.Orphans)
	}
	if opt.dryRun {
		fmt.Fprintf(w, "Nothing was changed, %d things would be done.\n", len(r.Planned))
		return nil
	}
	fmt.Fprintln(w, r.Summary())
	return nil
}

// forget deletes the rows of sessions on a host that is gone for good.
func forget(cmd *cobra.Command, opt *options, cfg *config.Config, svc *service.Service) error {
	for _, h := range cfg.Hosts {
		if h.Name == opt.forgetHost {
			return cli.Usage(fmt.Errorf("--forget-host %s: the host is still in %s; take it out first", opt.forgetHost, cfg.HostsIn()))
		}
	}
	n, err := svc.Store.Forget(cmd.Context(), opt.forgetHost)
	if err != nil {
		return err
	}
	if n == 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "No sessions of %s are known. Is that the name that cleanup prints?\n", opt.forgetHost)
		return nil
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d sessions of %s were forgotten; their containers, if any, are not touched.\n", n, opt.forgetHost)
	return nil
}
