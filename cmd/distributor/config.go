package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/service"
	"wrpdistributor/internal/session"
)

var (
	errSettings = errors.New("the settings are wrong, see above")
	errDatabase = errors.New("the database cannot be reached")
)

func configCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check the settings",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return cli.Usage(fmt.Errorf("unknown command %q for %q, want check", args[0], cmd.CommandPath()))
		},
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "check",
		Short: "Say all that is wrong with the settings at once, and what they come to",
		Long: `Say all that is wrong with the settings at once, and if nothing is, what they come
to: the hosts, where clients connect, and whether the database can be reached. No
host is asked (see hosts list), nothing is changed, and no secret is printed. Names
that nobody reads and that look like settings are named too, and so are hosts that
still have sessions and are not configured.

Exit status: 0 the service could start, 1 a setting is wrong, or the database cannot be
reached, 2 wrong usage.`,
		Example: `  distributor config check
  distributor config check --env-file /etc/wrp-distributor/new.env`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return checkConfig(cmd, opt) },
	})
	return cmd
}

func checkConfig(cmd *cobra.Command, opt *options) error {
	out := cmd.OutOrStdout()
	cfg, err := config.Load(opt.envFile)
	if problems, ok := errors.AsType[config.Problems](err); ok {
		fmt.Fprintf(out, "Problems: %d\n%s\n", len(problems), problems)
		return errSettings
	}
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintf(out, "Warning: %s\n", w)
	}
	writeFound(out, cfg)
	state, left, err := databaseState(cmd.Context(), cfg)
	fmt.Fprintf(out, "Database: %s\n  reachable: %s\n", cfg.Database, state)
	if err != nil {
		return errDatabase
	}
	for _, host := range slices.Sorted(maps.Keys(left)) {
		fmt.Fprintf(out, "Warning: %s has %s, and is not configured. Put it back, or give them up with: cleanup --forget-host %s\n", host, number(left[host]), host)
	}
	fmt.Fprintln(out, "The settings are good.")
	return nil
}

func writeFound(out io.Writer, cfg *config.Config) {
	fmt.Fprintf(out, "Hosts: %d, chosen by %s\n", len(cfg.Hosts), cfg.Distribution)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, h := range cfg.Hosts {
		fmt.Fprintf(w, "  %s\t%s\t%d containers, %d of them warm\tports %d to %d\n", h.Name, wayTo(h), h.Max, h.Warm+h.WarmTLS,
			cfg.StartPort, cfg.StartPort+h.Max+cfg.SparePorts-1)
	}
	_ = w.Flush() // as the other lines
	fmt.Fprintf(out, "Clients connect to: %s\n", cfg.Listen)
	fmt.Fprintf(out, "Gateway: %s\n", cmp.Or(cfg.Gateway.Listen, "none"))
	operators := "by the control socket in " + cfg.RuntimeDir
	if cfg.AdminToken != "" {
		operators += ", and with ADMIN_TOKEN at " + cfg.Listen
	}
	fmt.Fprintf(out, "Operators: %s\nMetrics: %s\nImage: %s\n", operators, metricsPlaces(cfg), cfg.Container.Image)
}

// metricsPlaces says where monitoring can ask.
func metricsPlaces(cfg *config.Config) string {
	var places []string
	if cfg.MetricsToken != "" || cfg.AdminToken != "" {
		places = append(places, "with METRICS_TOKEN or ADMIN_TOKEN at "+cfg.Listen+service.MetricsPath)
	}
	if cfg.MetricsListen != "" {
		places = append(places, "without a token at "+cfg.MetricsListen+service.MetricsPath)
	}
	return cmp.Or(strings.Join(places, ", and "), "none")
}

// wayTo says how a host is reached.
func wayTo(h hosts.Host) string {
	if h.SSH == nil {
		return "this machine's Docker"
	}
	return fmt.Sprintf("ssh %s@%s", h.SSH.User, h.SSH.Addr)
}

// databaseState says whether the database answers, and whether its tables are there, and
// how many sessions stand on which hosts that are not configured. A database that the
// distributor will make is no error.
func databaseState(ctx context.Context, cfg *config.Config) (state string, left map[string]int, err error) {
	db, err := database.Open(ctx, service.Database(cfg, false))
	if errors.Is(err, database.ErrNoDatabase) {
		return "not there yet; the distributor makes it when it first starts", nil, nil
	}
	if err != nil {
		return fmt.Sprintf("no, %v", err), nil, err
	}
	defer db.Close()
	if _, err := db.DatabaseID(ctx); err != nil {
		return "yes, and not set up yet; the distributor does it when it starts (or distributor migrate)", nil, nil
	}
	rows, err := session.NewStore(db, cfg.StartTimeout).All(ctx)
	if err != nil {
		return fmt.Sprintf("yes, and its sessions cannot be read (%v); where that is because its tables are an earlier version's, the distributor brings them up to date when it starts", err), nil, nil
	}
	left = make(map[string]int)
	for _, s := range rows {
		if !slices.ContainsFunc(cfg.Hosts, func(h hosts.Host) bool { return h.Name == s.Host }) {
			left[s.Host]++
		}
	}
	return "yes", left, nil
}
