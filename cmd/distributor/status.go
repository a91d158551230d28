package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/operator"
)

var errNobodyGetsIn = errors.New("nobody gets a new session")

func statusCommand(opt *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say whether a client could get a session now, and what is wrong",
		Long: `Say whether a client could get a session now, how many slots are free, what is
wrong, each with a command that mends it or shows more, and which processes work
with the database. "->" marks the one that answered.

` + askedWhere + `

Exit status: 0 a client could get a session now, 1 none could, or nobody knows,
2 wrong usage or settings.`,
		Example: `  distributor status
  distributor status --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return showStatus(cmd, opt, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonUsage+operator.StatusPath)
	return cmd
}

// askedWhere is part of what commands say of themselves.
const askedWhere = `The running distributor is asked: by its control socket on this machine, else by
LISTEN if there is an ADMIN_TOKEN. If none answers, the command does it by itself,
and the first line says so.`

func showStatus(cmd *cobra.Command, opt *options, asJSON bool) error {
	a := newAsker(cmd, opt, asJSON, "this is how it looks from here.")
	a.hosts = true
	defer a.close()
	var s operator.Status
	if err := a.ask(cmd.Context(), operator.Call{Path: operator.StatusPath}, &s); err != nil {
		return err
	}
	if err := printed(cmd.OutOrStdout(), asJSON, s, writeStatus); err != nil {
		return err
	}
	if !s.Takes {
		return errNobodyGetsIn
	}
	return nil
}

func writeStatus(out io.Writer, s operator.Status) error {
	fmt.Fprintln(out, s.Sentence)
	if s.Counted() {
		fmt.Fprintf(out, "Sessions: %d. Free slots: %d, %d of them with a container that waits.\n", s.Sessions, s.Free, s.Warm)
	} else {
		fmt.Fprintln(out, "How many sessions and free slots there are is not known.")
	}
	if len(s.Wrong) > 0 {
		fmt.Fprintln(out, "\nWhat is wrong:")
	}
	for _, w := range s.Wrong {
		fmt.Fprintf(out, "  %s\n", cli.Typed(w.What))
		if w.Mend != "" {
			fmt.Fprintf(out, "      %s\n", cli.Typed(w.Mend))
		}
	}
	if len(s.Processes) == 0 {
		return nil
	}
	fmt.Fprintln(out, "\nProcesses:")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, p := range s.Processes {
		fmt.Fprintf(w, "%s %s\t%s\t%s\tsince %s\t%s\n", answers(p), p.Kind, p.Machine, p.Version, moment(p.Started), p.Instance)
	}
	return w.Flush()
}

// answers marks the process that was asked.
func answers(p operator.Process) string {
	if p.Answers {
		return "->"
	}
	return "  "
}
