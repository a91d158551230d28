package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service"
)

func hostsCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hosts",
		Short: "List, check and update container hosts, take one out of service and back in",
		Long: `List, check and update container hosts, take one out of service and back in.

A drained host takes no new sessions and keeps its own until they stop. To take a
host out for good: drain it, wait until it has no sessions, remove it from
CONTAINER_HOSTS or HOSTS_FILE, and undrain it to forget the mark.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return cli.Usage(fmt.Errorf("unknown command %q for %q, want add, list, check, pull, drain or undrain", args[0], cmd.CommandPath()))
		},
	}
	cmd.AddCommand(addHostCommand(opt), drainCommand(opt), listCommand(opt), checkCommand(opt), pullCommand(opt), &cobra.Command{
		Use:     "undrain HOST",
		Short:   "Give a host sessions again",
		Example: `  distributor hosts undrain c1.example`,
		Args:    oneHost,

		ValidArgsFunction: completeHosts(opt),
		RunE:              func(cmd *cobra.Command, args []string) error { return undrainHost(cmd, opt, args[0]) },
	})
	return cmd
}

// oneHost wants the name of one host.
func oneHost(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want one host, such as:%s", strings.TrimRight(cmd.Example, "\n"))
	}
	return nil
}

func drainCommand(opt *options) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:     "drain HOST",
		Short:   "Give a host no new sessions",
		Example: `  distributor hosts drain c1.example --reason "new kernel on Sunday"`,
		Args:    oneHost,

		ValidArgsFunction: completeHosts(opt),
		RunE:              func(cmd *cobra.Command, args []string) error { return drainHost(cmd, opt, args[0], reason) },
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the list and the log")
	return cmd
}

// loadRunning reads the settings of the service that a command is for, and warns of
// names that nobody reads.
func loadRunning(ctx context.Context, opt *options, stderr io.Writer) (*config.Config, error) {
	cfg, err := service.LoadRunning(opt.envFile, service.Environment(ctx, opt.envFile))
	if err != nil {
		return nil, cli.Usage(err)
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintln(stderr, "distributor:", w)
	}
	return cfg, nil
}

func openExisting(ctx context.Context, cfg *config.Config) (*service.Service, error) {
	db, err := database.Open(ctx, service.Database(cfg, false))
	if err != nil {
		return nil, err
	}
	return service.Open(ctx, cfg, db, slog.New(slog.DiscardHandler))
}

func drainHost(cmd *cobra.Command, opt *options, host, reason string) error {
	a := newAsker(cmd, opt, false, toDatabase)
	defer a.close()
	var now operator.Drain
	err := a.ask(cmd.Context(), operator.Call{Method: http.MethodPost, Path: operator.DrainPath(host), Body: operator.Because(reason)}, &now)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s takes no new sessions. Sessions that it still has: %d.\n", now.Host, now.Sessions)
	return nil
}

func undrainHost(cmd *cobra.Command, opt *options, host string) error {
	a := newAsker(cmd, opt, false, toDatabase)
	defer a.close()
	var done struct{}
	if err := a.ask(cmd.Context(), operator.Call{Method: http.MethodPost, Path: operator.UndrainPath(host)}, &done); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s takes sessions again.\n", host)
	return nil
}
