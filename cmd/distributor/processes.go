package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/operator"
)

func processesCommand(opt *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "processes",
		Short: "List who works with the database, or did within the last day",
		Long: `List who works with the database, or did within the last day: each distributor,
and "cleanup --every". One that is "silent" did not say that it ended and was not
seen for half a minute: it was killed, or cannot reach the database. "->" marks
the one that answered.

` + askedWhere + `

Exit status: 0 they are listed, 1 nobody knows, 2 wrong usage or settings.`,
		Example: `  distributor processes
  distributor processes --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a := newAsker(cmd, opt, asJSON, byDatabase)
			defer a.close()
			var all operator.Processes
			if err := a.ask(cmd.Context(), operator.Call{Path: operator.ProcessesPath}, &all); err != nil {
				return err
			}
			return printed(cmd.OutOrStdout(), asJSON, all, writeProcesses)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonUsage+operator.ProcessesPath)
	return cmd
}

func writeProcesses(out io.Writer, all operator.Processes) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "   KIND\tSTATE\tMACHINE\tVERSION\tSTARTED\tLAST SEEN\tGATEWAY\tINSTANCE\tPOOL")
	for _, p := range all.Processes {
		gateway := p.Gateway
		if gateway == "" {
			gateway = "none"
		}
		fmt.Fprintf(w, "%s %s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", answers(p), p.Kind, p.State, p.Machine, p.Version,
			moment(p.Started), moment(p.Seen), gateway, p.Instance, p.Pool)
	}
	return w.Flush()
}
