package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/service"
	"wrpdistributor/internal/session"
)

func hostsCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hosts",
		Short: "List container hosts, take one out of service and back in",
		Long: `List container hosts, take one out of service and back in.

A drained host takes no new sessions and keeps its own until they stop. To take a
host out for good: drain it, wait until it has no sessions, remove it from
CONTAINER_HOSTS or HOSTS_FILE, and undrain it to forget the mark.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return cli.Usage(fmt.Errorf("unknown command %q for %q, want list, drain or undrain", args[0], cmd.CommandPath()))
		},
	}
	cmd.AddCommand(drainCommand(opt), listCommand(opt), &cobra.Command{
		Use:     "undrain HOST",
		Short:   "Give a host sessions again",
		Example: `  distributor hosts undrain c1.example`,
		Args:    oneHost,
		RunE:    withService(opt, undrainHost),
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
		RunE: withService(opt, func(cmd *cobra.Command, svc *service.Service, args []string) error {
			return drainHost(cmd, svc, args[0], reason)
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the list and the log")
	return cmd
}

// withService returns what a command runs that needs the service. The database has
// to be there already.
func withService(opt *options, do func(*cobra.Command, *service.Service, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		cfg, err := loadRunning(opt, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		svc, err := openExisting(cmd.Context(), cfg)
		if err != nil {
			return err
		}
		defer svc.Close()
		return do(cmd, svc, args)
	}
}

// loadRunning reads the settings of the service that a command is for, and warns of
// names that nobody reads.
func loadRunning(opt *options, stderr io.Writer) (*config.Config, error) {
	cfg, err := service.LoadRunning(opt.envFile)
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

func drainHost(cmd *cobra.Command, svc *service.Service, host, reason string) error {
	if _, err := svc.Pool.Host(host); err != nil {
		return fmt.Errorf("%w; configured are:%s", err, names(svc.Pool.Hosts()))
	}
	if err := svc.Store.Drain(cmd.Context(), host, reason); err != nil {
		return err
	}
	rows, err := svc.Store.OnHost(cmd.Context(), host)
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(s session.Session) bool { return s.ClientIP == "" })
	fmt.Fprintf(cmd.OutOrStdout(), "%s takes no new sessions. Sessions that it still has: %d.\n", host, len(rows))
	return nil
}

func names(list []hosts.Host) string {
	var text string
	for _, h := range list {
		text += " " + h.Name
	}
	return text
}

func undrainHost(cmd *cobra.Command, svc *service.Service, args []string) error {
	was, err := svc.Store.Undrain(cmd.Context(), args[0])
	if err != nil {
		return err
	}
	if !was {
		return errors.New(args[0] + " is not drained")
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s takes sessions again.\n", args[0])
	return nil
}
