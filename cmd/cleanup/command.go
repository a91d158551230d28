package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/service"
)

// options are what the command line says.
type options struct {
	envFile    string
	timeout    minutes
	all        bool
	every      time.Duration
	noOrphans  bool
	dryRun     bool
	json       bool
	verbose    bool
	forgetHost string

	metricsListen string // with every: where monitoring asks; empty: nowhere

	maxAge time.Duration // from the settings; 0: sessions may be of any age
}

const defaultTimeout = 10 // minutes

func rootCommand() *cobra.Command {
	opt := &options{timeout: defaultTimeout}
	cmd := &cobra.Command{
		Use:     cli.Program("cleanup") + " [minutes]",
		Version: service.BuildVersion(),
		Short:   "Stop idle sessions and remove what was left behind",
		Long: `Stop every session that no client has used for the given time, or that is older
than MAX_SESSION_AGE if that is set; repair what crashes left behind, and remove
containers of this service that no session knows. One host that cannot be
reached does not keep the others from it.

A pass that had nothing to do says nothing, unless on a terminal.

Exit status: 0 all went well, 1 something could not be cleaned (a sentence for
each says what), 2 wrong usage or settings, nothing was touched.`,
		Example: `  cleanup --timeout 10              what cron runs every minute
  cleanup --all                     stop every session, before a shutdown
  cleanup --dry-run                 only say what would be done
  cleanup --every 1m --timeout 10   stay and clean every minute
  cleanup --every 1m --metrics-listen :9102
                                    and tell monitoring at http://127.0.0.1:9102/metrics
  cleanup --forget-host old.example forget the sessions of a host that is gone for good`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opt.validate(cmd.Flags(), args); err != nil {
				return cli.Usage(err)
			}
			return clean(cmd, opt)
		},
	}
	opt.bind(cmd.Flags())
	return cmd
}

func (opt *options) bind(f *pflag.FlagSet) {
	f.StringVar(&opt.envFile, "env-file", config.SettingsFile, "file with settings; variables of the process win over it")
	f.Var(&opt.timeout, "timeout", "stop sessions unused for this many `minutes`, from 1 on")
	f.BoolVar(&opt.all, "all", false, "stop every session, used or not")
	f.DurationVar(&opt.every, "every", 0, "do not exit, clean again after each `duration`, like 1m")
	f.StringVar(&opt.metricsListen, "metrics-listen", "", "with --every: tell monitoring, without a token, at this `address`: :port for this machine alone, or host:port")
	f.BoolVar(&opt.noOrphans, "no-orphans", false, "leave containers that no session knows alone")
	f.BoolVar(&opt.dryRun, "dry-run", false, "change nothing, say what would be done")
	f.BoolVar(&opt.json, "json", false, "report in JSON")
	f.BoolVar(&opt.verbose, "verbose", false, "report on passes that had nothing to do as well, as on a terminal")
	f.StringVar(&opt.forgetHost, "forget-host", "", "forget all sessions of a `host` that is not configured any more, and exit")
}

// validate takes the minutes from the argument, if there is one, and reports flags
// that do not go together.
func (opt *options) validate(flags *pflag.FlagSet, args []string) error {
	if len(args) == 1 {
		if flags.Changed("timeout") {
			return fmt.Errorf("minutes are given twice, as --timeout and as %q", args[0])
		}
		if err := opt.timeout.Set(args[0]); err != nil {
			return fmt.Errorf("invalid argument %q: %w", args[0], err)
		}
	}
	switch {
	case flags.Changed("every") && opt.every < time.Second:
		return fmt.Errorf("--every %s: want at least 1s", opt.every)
	case opt.metricsListen != "" && opt.every == 0:
		return fmt.Errorf("--metrics-listen goes with --every: what ends after one pass cannot be asked")
	case opt.every > 0 && (opt.all || opt.dryRun):
		return fmt.Errorf("--every does not go with --all or --dry-run")
	case opt.forgetHost != "" && (opt.all || opt.every > 0):
		return fmt.Errorf("--forget-host does not go with --all or --every")
	}
	var err error
	opt.metricsListen, err = config.MetricsAddress("--metrics-listen", opt.metricsListen)
	return err
}

// minutes is a flag: a whole number from 1 on.
type minutes int

// String implements [pflag.Value].
func (m *minutes) String() string { return strconv.Itoa(int(*m)) }

// Type implements [pflag.Value].
func (m *minutes) Type() string { return "minutes" }

// Set implements [pflag.Value].
func (m *minutes) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > config.MaxMinutes {
		return fmt.Errorf("want whole minutes from 1 to %d", config.MaxMinutes)
	}
	*m = minutes(n)
	return nil
}
