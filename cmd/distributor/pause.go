package main

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/operator"
)

func pauseCommand(opt *options) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "pause",
		Short: "Refuse all clients new sessions, with one sentence",
		Long: `Refuse all clients new sessions, in every process that works with the database,
with one sentence that they are shown (at most 255 characters). Sessions that run
go on, also for clients that send PUT again; containers that wait for clients
stay, and are not handed out. Pausing again replaces the sentence.

` + askedWhere + `

Exit status: 0 new sessions are paused, 1 they are not, 2 wrong usage or settings.`,
		Example: `  distributor pause --reason "New disks: back at 14:00."
  distributor resume`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a := newAsker(cmd, opt, false, toDatabase)
			defer a.close()
			var now operator.Paused
			err := a.ask(cmd.Context(), operator.Call{Method: http.MethodPost, Path: operator.PausePath, Body: operator.Because(reason)}, &now)
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "New sessions are paused since %s. Clients are told: %s\n", moment(now.Since), now.Reason)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "the sentence for clients, and for status and the log (default: that they may try later)")
	return cmd
}

func resumeCommand(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "resume",
		Short: "Give clients new sessions again, after a pause",
		Long: `Give clients new sessions again, after a pause.

` + askedWhere + `

Exit status: 0 clients get new sessions again, 1 they were not paused, or it is not
known, 2 wrong usage or settings.`,
		Example: `  distributor resume`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a := newAsker(cmd, opt, false, toDatabase)
			defer a.close()
			var done struct{}
			err := a.ask(cmd.Context(), operator.Call{Method: http.MethodPost, Path: operator.ResumePath}, &done)
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), "Clients get new sessions again.")
			}
			return err
		},
	}
}
