package main

import (
	"encoding/json"
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
	"wrpdistributor/internal/service"
)

var (
	errSettings = errors.New("the settings are wrong, see above")
	errDatabase = errors.New("the database cannot be reached")
	errNoWrites = errors.New("the database takes no writes, see above")
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
	cmd.AddCommand(configCheckCommand(opt))
	return cmd
}

func configCheckCommand(opt *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say all that is wrong with the settings at once, and what they come to",
		Long: `Say all that is wrong with the settings at once, and if nothing is, what they come
to: the hosts, where clients connect, and whether the database can be reached, has
the tables of this version, and takes a write, which is taken back at once. No host
is asked (see hosts list), nothing is changed, and no secret is printed. Names
that nobody reads and that look like settings are named too, and so are hosts that
still have sessions and are not configured.

If the settings are good, the first line says where they come from. Beside a distributor that runs, what its
environment sets counts as well, since it wins over the file; beside one that
pretends, its hosts and its database do.

Exit status: 0 the service could start, 1 a setting is wrong, or the database cannot be
reached or takes no writes, 2 wrong usage.`,
		Example: `  distributor config check
  distributor config check --env-file /etc/wrp-distributor/new.env
  distributor config check --json | jq -r '.database.error'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return checkConfig(cmd, opt, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func checkConfig(cmd *cobra.Command, opt *options, asJSON bool) error {
	var found configChecked
	cfg, err := service.LoadRunning(opt.envFile, service.Environment(cmd.Context(), opt.envFile))
	if err == nil {
		err = checkCertificates(cfg)
	}
	problems, wrong := errors.AsType[config.Problems](err)
	switch {
	case wrong:
		found.Problems, err = problems, errSettings
	case err != nil:
		return err
	default:
		found.Checked, found.Warnings, found.Settings = checkedSettings(opt, cfg), cfg.Warnings, settle(cfg)
		found.Database = examine(cmd.Context(), cfg)
		err = found.Database.err()
	}
	found.Good = err == nil
	write := writeConfig
	if asJSON {
		write = func(out io.Writer, c configChecked) error { return json.NewEncoder(out).Encode(c) }
	}
	return errors.Join(write(cmd.OutOrStdout(), found), err)
}

// writeConfig says what was found, to people.
func writeConfig(out io.Writer, c configChecked) error {
	if c.Settings == nil {
		_, err := fmt.Fprintf(out, "Problems: %d\n%s\n", len(c.Problems), c.Problems)
		return err
	}
	fmt.Fprintln(out, "Checked:", c.Checked)
	for _, w := range c.Warnings {
		fmt.Fprintf(out, "Warning: %s\n", w)
	}
	c.Settings.write(out)
	c.Database.write(out)
	if !c.Good {
		return nil
	}
	_, err := fmt.Fprintln(out, "The settings are good.")
	return err
}

// checkedSettings says where what was checked comes from.
func checkedSettings(opt *options, cfg *config.Config) string {
	from := "the environment"
	if opt.envFile != "" {
		from = opt.envFile + " and the environment"
	}
	if len(cfg.Theirs) > 0 {
		from += ", and what the environment of the running distributor sets: " + strings.Join(cfg.Theirs, ", ")
	}
	if !cfg.Pretends {
		return from
	}
	text := fmt.Sprintf("the distributor that pretends with DATA_DIR=%s, with hosts and a database of its own; else %s", cfg.DataDir, from)
	if len(cfg.Ignored) > 0 {
		text += ". Not looked at: " + strings.Join(cfg.Ignored, ", ")
	}
	return text
}

func (s *settings) write(out io.Writer) {
	fmt.Fprintf(out, "Hosts: %d, chosen by %s\n", len(s.Hosts), s.ChosenBy)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, h := range s.Hosts {
		fmt.Fprintf(w, "  %s\t%s\t%s, %d of them warm\tports %d to %d\n", h.Host, h.Way, h.limit(), h.Warm, h.FirstPort, h.LastPort)
	}
	_ = w.Flush() // as the other lines
	fmt.Fprintf(out, "Clients connect to: %s\nOver TLS: %s\n", s.Listen, s.TLS)
	fmt.Fprintf(out, "Gateway: %s\nPortal: %s\n", s.Gateway, s.Portal)
	fmt.Fprintf(out, "Operators: %s\nMetrics: %s\nImage: %s\n", s.Operators, s.Metrics, s.Image)
}

func (d *databaseChecked) write(out io.Writer) {
	fmt.Fprintf(out, "Database: %s\n", d.Database)
	switch {
	case d.Tables == tablesNone && !d.Reachable:
		fmt.Fprintln(out, "  reachable: not there yet; the distributor makes it when it first starts")
	case !d.Reachable:
		fmt.Fprintf(out, "  reachable: no, %s\n", d.Error)
	default:
		fmt.Fprintf(out, "  reachable: yes\n  tables: %s\n  takes writes: %s\n", cli.Typed(d.tablesInWords()), d.writesInWords())
	}
	if d.Mend != "" {
		fmt.Fprintf(out, "  %s.\n", cli.Typed(d.Mend))
	}
	for _, host := range slices.Sorted(maps.Keys(d.Left)) {
		fmt.Fprintf(out, "Warning: %s has %s, and is not configured. Put it back, or give them up with: %s\n", host, number(d.Left[host]), cli.Typed("cleanup --forget-host "+host))
	}
	if d.unread != nil {
		fmt.Fprintf(out, "Warning: which hosts have sessions cannot be read: %v\n", d.unread)
	}
}

func (d *databaseChecked) tablesInWords() string {
	switch d.Tables {
	case tablesNone:
		return "not set up yet; the distributor does it when it starts (or distributor migrate)"
	case tablesOlder:
		return fmt.Sprintf("of an earlier version (%d, this one has %d); the distributor brings them up to date when it starts (or distributor migrate)", d.Version, d.Wants)
	case tablesNewer:
		return fmt.Sprintf("of a later version (%d, this one has %d): is this the program that you mean to run? Update it", d.Version, d.Wants)
	}
	return "up to date"
}

func (d *databaseChecked) writesInWords() string {
	switch {
	case d.Writable:
		return "yes"
	case d.Error == "":
		return "not tried, there is no table for it yet"
	}
	return "no, " + d.Error
}
