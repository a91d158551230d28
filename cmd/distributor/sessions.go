package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/operator"
)

func sessionsCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sessions",
		Short: "List sessions, and stop some",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return cli.Usage(fmt.Errorf("unknown command %q for %q, want list or stop", args[0], cmd.CommandPath()))
		},
	}
	cmd.AddCommand(listSessionsCommand(opt), stopSessionsCommand(opt))
	return cmd
}

// filterFlags adds the flags that choose sessions.
func filterFlags(cmd *cobra.Command, opt *options, f *operator.Filter) {
	flags := cmd.Flags()
	flags.StringVar(&f.Client, "client", "", "of this client: an address, a name as the log has it (192.0.2.1#1a2b3c4d), or its last 8 digits")
	flags.StringVar(&f.Account, "account", "", "of this account, on all devices: a name, or of all visitors at an address @192.0.2.1")
	flags.StringVar(&f.Host, "host", "", "on this host, as in CONTAINER_HOSTS")
	flags.Var((*ago)(&f.OlderThan), "older-than", "that started so long ago: a `time` such as 90m or 1d")
	_ = cmd.RegisterFlagCompletionFunc("host", completeHosts(opt)) // the flag is there
}

// checkFilter refuses what would choose nothing, or all.
func checkFilter(flags *pflag.FlagSet) error {
	for _, name := range []string{"client", "account", "host"} {
		if flags.Changed(name) && flags.Lookup(name).Value.String() == "" {
			return cli.Usage(errors.New("--" + name + " is empty"))
		}
	}
	return nil
}

func listSessionsCommand(opt *options) *cobra.Command {
	var filter operator.Filter
	var unused, asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List who has a session, where, and since when",
		Long: `List who has a session, where, and since when. Slots without a client are listed
too: of containers that wait for one, and of sessions whose containers are not
proven gone. Of several flags all have to be true. With --unused only clients'
sessions are listed, the longest unused first.

` + askedWhere + `

Exit status: 0 they are listed, if there are any, 1 nobody knows, or there is no such
host, 2 wrong usage or settings.`,
		Example: `  distributor sessions list
  distributor sessions list --host c1.example --older-than 8h
  distributor sessions list --unused
  distributor sessions list --account anna
  distributor sessions list --client 192.0.2.7 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFilter(cmd.Flags()); err != nil {
				return err
			}
			return listSessions(cmd, opt, filter, unused, asJSON)
		},
	}
	filterFlags(cmd, opt, &filter)
	cmd.Flags().BoolVar(&unused, "unused", false, "those of clients, the longest unused first")
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonUsage+operator.SessionsPath)
	return cmd
}

func listSessions(cmd *cobra.Command, opt *options, filter operator.Filter, unused, asJSON bool) error {
	a := newAsker(cmd, opt, asJSON, byDatabase)
	defer a.close()
	var all operator.SessionList
	if err := a.ask(cmd.Context(), operator.Call{Path: operator.SessionsPath, Query: filter.Query()}, &all); err != nil {
		return err
	}
	if len(all.Sessions) == 0 {
		if err := a.knowsHost(cmd.Context(), filter.Host); err != nil {
			return err
		}
	}
	if unused {
		all.Sessions = longestUnused(all.Sessions)
	}
	return printed(cmd.OutOrStdout(), asJSON, all, writeSessions)
}

// longestUnused leaves clients' sessions.
func longestUnused(list []operator.Session) []operator.Session {
	list = slices.DeleteFunc(list, func(s operator.Session) bool { return s.Client == "" })
	since := func(s operator.Session) time.Time {
		if s.LastUsed.IsZero() {
			return s.Started
		}
		return s.LastUsed
	}
	slices.SortStableFunc(list, func(a, b operator.Session) int { return since(a).Compare(since(b)) })
	return list
}

func writeSessions(out io.Writer, all operator.SessionList) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSTATE\tCLIENT\tACCOUNT\tHOST\tPORT\tSTARTED\tLAST USED\tKIND\tUSER-AGENT")
	for _, s := range all.Sessions {
		used := "not yet"
		if !s.LastUsed.IsZero() {
			used = s.LastUsed.Format(time.DateTime)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", s.ID, s.State, cmp.Or(s.Client, "none"), cmp.Or(s.Account, "none"), s.Host, s.Port,
			s.Started.Format(time.DateTime), used, kindOf(s), s.UserAgent)
	}
	return w.Flush()
}

// kindOf says how a session is reached, and whether it is frozen.
func kindOf(s operator.Session) string {
	kind := "direct"
	if s.Gateway {
		kind = "gateway"
	}
	if s.TLS {
		kind += ", TLS"
	}
	if s.Frozen {
		kind += ", frozen"
	}
	return kind
}
