package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/operator"
)

func disableAccountCommand(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "disable NAME",
		Short: "Keep an account out, and end its sessions",
		Long: `Keep an account out, whatever cookies it has, and end its sessions. Its password and
its note stay.

` + askedWhere + `

Exit status: 0 it is disabled and has no session, 1 it is not, or not all of its sessions
have ended, 2 wrong usage or settings.`,
		Example: `  distributor accounts disable anna`,
		Args:    oneAccount,

		ValidArgsFunction: completeAccounts(opt),
		RunE: func(cmd *cobra.Command, args []string) error {
			return endAccount(cmd, opt, http.MethodPost, operator.DisableAccountPath(args[0]), "disabled")
		},
	}
}

func removeAccountCommand(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove an account, and end its sessions",
		Long: `Remove an account, and end its sessions. If one cannot be ended, the account is
disabled only, and the same command goes on from there.

` + askedWhere + `

Exit status: 0 it is removed and has no session, 1 it is not, 2 wrong usage or settings.`,
		Example: `  distributor accounts remove anna`,
		Args:    oneAccount,

		ValidArgsFunction: completeAccounts(opt),
		RunE: func(cmd *cobra.Command, args []string) error {
			return endAccount(cmd, opt, http.MethodDelete, operator.AccountPath(args[0]), "removed")
		},
	}
}

// endAccount sends a call that ends an account's sessions, and says what was done.
func endAccount(cmd *cobra.Command, opt *options, method, path, done string) error {
	var ended operator.AccountEnded
	if err := askAccounts(cmd, opt, false, operator.Call{Method: method, Path: path, Timeout: stopTimeout}, &ended); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Account %s is %s. Sessions that were ended: %d.\n", ended.Name, done, ended.Sessions)
	return nil
}

func enableAccountCommand(opt *options) *cobra.Command {
	return &cobra.Command{
		Use:   "enable NAME",
		Short: "Let an account in again, with the password that it had",
		Long: `Let an account in again, with the password that it had.

` + askedWhere + `

Exit status: 0 it may come in, 1 it may not, such as because there is no such account, 2
wrong usage or settings.`,
		Example: `  distributor accounts enable anna`,
		Args:    oneAccount,

		ValidArgsFunction: completeAccounts(opt),
		RunE: func(cmd *cobra.Command, args []string) error {
			var done struct{}
			err := askAccounts(cmd, opt, false, operator.Call{Method: http.MethodPost, Path: operator.EnableAccountPath(args[0])}, &done)
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "Account %s may come in again.\n", args[0])
			}
			return err
		},
	}
}

func setAccountCommand(opt *options) *cobra.Command {
	var most int
	var note string
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Change how many sessions an account may have, or its note",
		Long: `Change how many sessions an account may have at once, or its note. Sessions that it
has stay, if they are more.

` + askedWhere + `

Exit status: 0 it is changed, 1 it is not, such as because there is no such account, 2
wrong usage or settings.`,
		Example: `  distributor accounts set anna --max-sessions 3
  distributor accounts set anna --note ""`,
		Args: oneAccount,

		ValidArgsFunction: completeAccounts(opt),
		RunE: func(cmd *cobra.Command, args []string) error {
			var change operator.AccountChange
			if cmd.Flags().Changed("max-sessions") {
				change.MaxSessions = &most
			}
			if cmd.Flags().Changed("note") {
				change.Note = &note
			}
			return setAccount(cmd, opt, args[0], change)
		},
	}
	cmd.Flags().IntVar(&most, "max-sessions", accounts.DefaultMaxSessions, "sessions that it may have at once")
	cmd.Flags().StringVar(&note, "note", "", "for operators, in the list; empty: none")
	return cmd
}

func setAccount(cmd *cobra.Command, opt *options, name string, change operator.AccountChange) error {
	if change.MaxSessions == nil && change.Note == nil {
		return cli.Usage(errors.New("what? want --max-sessions or --note"))
	}
	var now operator.Account
	if err := askAccounts(cmd, opt, false, operator.Call{Method: http.MethodPatch, Path: operator.AccountPath(name), Body: change}, &now); err != nil {
		return err
	}
	return writeAccounts(cmd.OutOrStdout(), operator.AccountList{Accounts: []operator.Account{now}})
}
