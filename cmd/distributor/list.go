package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service"
)

var errNoHostTakes = errors.New("no host takes sessions")

func listCommand(opt *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Say how each host is doing, and why it takes no sessions",
		Long: `Say how each host is doing, and why it takes no sessions.

The running distributor is asked: by its control socket on this machine, else by
LISTEN if there is an ADMIN_TOKEN. If none answers, the hosts are looked at from
here, and the first line says so.

Exit status: 0 at least one host takes sessions (it is up and not drained; a full
one counts), 1 none does, or the hosts are not known, 2 wrong usage or settings.`,
		Example: `  distributor hosts list
  distributor hosts list --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return listHosts(cmd, opt, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what the running distributor answers at "+operator.HostsPath)
	return cmd
}

func listHosts(cmd *cobra.Command, opt *options, asJSON bool) error {
	all, err := askHosts(cmd.Context(), opt, cmd.ErrOrStderr())
	notice := cmd.OutOrStdout()
	if asJSON {
		notice = cmd.ErrOrStderr()
	}
	if errors.Is(err, operator.ErrNobody) {
		all, err = lookAtHosts(cmd.Context(), opt)
		if err == nil {
			fmt.Fprintln(notice, "No running distributor answers: this is how the hosts look from here.")
		}
	}
	if err != nil {
		return err
	}
	write := writeHosts
	if asJSON {
		write = func(w io.Writer, all operator.Hosts) error { return json.NewEncoder(w).Encode(all) }
	}
	if err := write(cmd.OutOrStdout(), all); err != nil {
		return err
	}
	if !all.TakesSessions() {
		return errNoHostTakes
	}
	return nil
}

// askHosts asks a running distributor, or returns [operator.ErrNobody]. The socket is
// tried before the settings are looked at: the service may have others.
func askHosts(ctx context.Context, opt *options, stderr io.Writer) (operator.Hosts, error) {
	if _, folder, err := config.Folders(opt.envFile); err == nil {
		if all, err := operator.Ask(ctx, folder); !errors.Is(err, operator.ErrNobody) {
			return all, err
		}
	}
	cfg, err := loadRunning(opt, stderr)
	if err != nil {
		return operator.Hosts{}, err
	}
	if cfg.AdminToken == "" {
		return operator.Hosts{}, operator.ErrNobody
	}
	return operator.AskTCP(ctx, cfg.Listen, string(cfg.AdminToken))
}

// lookAtHosts asks database and hosts, as the service does.
func lookAtHosts(ctx context.Context, opt *options) (operator.Hosts, error) {
	cfg, err := service.LoadRunning(opt.envFile)
	if err != nil {
		return operator.Hosts{}, cli.Usage(err)
	}
	svc, err := openExisting(ctx, cfg)
	if err != nil {
		return operator.Hosts{}, err
	}
	defer svc.Close()
	svc.Pool.CheckHealth(ctx)
	return operator.Look(ctx, svc.Sessions)
}

func writeHosts(out io.Writer, all operator.Hosts) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "HOST\tSESSIONS\tSTOPPING\tWARM\tTLS\tDRAINED\tTAKES SESSIONS")
	for _, h := range all.Hosts {
		drained, takes := "no", "yes"
		if h.Drained != nil {
			drained = h.Drained.Since.Format(time.DateTime)
		}
		if h.Why != "" {
			takes = "no, " + h.Why
		}
		fmt.Fprintf(w, "%s\t%d/%d\t%d\t%d\t%s\t%s\t%s\n", h.Name, h.Used, h.Max, h.Stopping, h.Warm, servesTLS(h), drained, takes)
	}
	return w.Flush()
}

// servesTLS says whether a host serves TLS.
func servesTLS(h operator.Host) string {
	switch {
	case h.TLS:
		return "yes"
	case h.NoTLS == "no certificate":
		return "no"
	}
	return h.NoTLS
}
