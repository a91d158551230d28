package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/operator"
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
one counts, and so does one while new sessions are paused), 1 none does, or the hosts are not known, 2 wrong usage or settings.`,
		Example: `  distributor hosts list
  distributor hosts list --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return listHosts(cmd, opt, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonUsage+operator.HostsPath)
	return cmd
}

func listHosts(cmd *cobra.Command, opt *options, asJSON bool) error {
	a := newAsker(cmd, opt, asJSON, "this is how the hosts look from here.")
	a.hosts = true
	defer a.close()
	var all operator.Hosts
	if err := a.ask(cmd.Context(), operator.Call{Path: operator.HostsPath}, &all); err != nil {
		return err
	}
	if err := printed(cmd.OutOrStdout(), asJSON, all, writeHosts); err != nil {
		return err
	}
	if !all.TakesSessions() {
		return errNoHostTakes
	}
	return nil
}

func writeHosts(out io.Writer, all operator.Hosts) error {
	if p := all.Paused; p != nil {
		fmt.Fprintf(out, "New sessions are paused since %s: %s\n", moment(p.Since), p.Reason)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "HOST\tSESSIONS\tSTOPPING\tWARM\tTLS\tDRAINED\tTAKES SESSIONS")
	for _, h := range all.Hosts {
		drained, takes := "no", "yes"
		if h.Drained != nil {
			drained = h.Drained.Since.Format(time.DateTime)
		}
		switch {
		case h.Why != "":
			takes = "no, " + h.Why
		case h.Failing != nil:
			takes = "yes, but " + h.Failing.String()
		}
		fmt.Fprintf(w, "%s\t%d/%d\t%d\t%d\t%s\t%s\t%s\n", h.Name, h.Used, h.Max, h.Stopping, h.Warm, servesTLS(h), drained, takes)
	}
	return w.Flush()
}

// moment is a time as people read it.
func moment(t time.Time) string { return t.UTC().Format(time.DateTime) + " UTC" }

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
