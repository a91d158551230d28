package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/operator"
)

func statisticsCommand(opt *options) *cobra.Command {
	since := ago(7 * 24 * time.Hour)
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "statistics",
		Short: "Say how full it was in the last week, or in another time",
		Long: `Say how full it was in the last week, or in another time: as a whole, and step by
step. SESSIONS, FREE, CLIENTS (addresses) and HOSTS (that took sessions) are averages
of a look each minute, MOST is what any of these looks saw. Of a time of which no line
tells nothing was written: no distributor ran. Why clients were refused is told by
"distributor journal --kind refused".

` + askedWhere + `

Exit status: 0 it is told, also if nothing is known, 1 nobody answers, 2 wrong usage or
settings.`,
		Example: `  distributor statistics
  distributor statistics --since 24h
  distributor statistics --since 365d --json`,
		Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			if time.Duration(since) < time.Minute {
				return cli.Usage(errors.New("--since is less than a minute, of which nothing is written"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return showStatistics(cmd, opt, &since, asJSON) },
	}
	cmd.Flags().Var(&since, "since", "how full it was in this `time`, like 24h or 30d")
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonUsage+operator.StatisticsPath)
	return cmd
}

func showStatistics(cmd *cobra.Command, opt *options, since *ago, asJSON bool) error {
	a := newAsker(cmd, opt, asJSON, byDatabase)
	defer a.close()
	query := url.Values{"since": {time.Duration(*since).String()}}
	var all operator.Statistics
	if err := a.ask(cmd.Context(), operator.Call{Path: operator.StatisticsPath, Query: query}, &all); err != nil {
		return err
	}
	if len(all.Steps) == 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "Nothing is known of the last %s: a line is written each minute while a distributor runs.\n", since.words())
	}
	return printed(cmd.OutOrStdout(), asJSON, all, func(out io.Writer, all operator.Statistics) error {
		return writeStatistics(out, since.words(), all)
	})
}

func writeStatistics(out io.Writer, since string, all operator.Statistics) error {
	if len(all.Steps) == 0 {
		return nil
	}
	fmt.Fprintf(out, "In the last %s on average %.1f of %.1f sessions (%.0f %%), at most %d; those were seen between %s and %s.\n\n", since,
		all.Sessions, all.Slots(), 100*all.Share(), all.MostSessions, moment(fullest(all)), moment(fullest(all).Add(step(all))))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FROM (UTC)\tSESSIONS\tMOST\tFREE\tFULL\tCLIENTS\tHOSTS\tMINUTES KNOWN")
	for _, s := range all.Steps {
		fmt.Fprintf(w, "%s\t%.1f\t%d\t%.1f\t%.0f %%\t%.1f\t%.1f\t%d\n", s.At.Format("2006-01-02 15:04"),
			s.Sessions, s.MostSessions, s.Free, 100*s.Share(), s.Clients, s.Hosts, s.Samples)
	}
	return w.Flush()
}

func step(all operator.Statistics) time.Duration { return time.Duration(all.StepSeconds) * time.Second }

// fullest returns when the first step began that had as many sessions as any had.
func fullest(all operator.Statistics) time.Time {
	for _, s := range all.Steps {
		if s.MostSessions == all.MostSessions {
			return s.At
		}
	}
	return all.Since
}
