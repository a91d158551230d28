package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/operator"
)

func accountsCommand(opt *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "accounts",
		Short: "Say who may come in by name and password",
		Long: `Say who may come in by name and password, where PORTAL=accounts lets people in.

Names have 1 to 32 of a-z, 0-9, dot, hyphen and underscore, and begin with a letter or
digit. Passwords are kept as bcrypt hashes, and are in no log. They travel as the browser
sends them, which without TLS anybody on the way can read: let them be worth nothing
elsewhere.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return cli.Usage(fmt.Errorf("unknown command %q for %q, want add, list, password, disable, enable, remove, import or set", args[0], cmd.CommandPath()))
		},
	}
	cmd.AddCommand(addAccountCommand(opt), listAccountsCommand(opt), passwordCommand(opt), disableAccountCommand(opt),
		enableAccountCommand(opt), removeAccountCommand(opt), importAccountsCommand(opt), setAccountCommand(opt))
	return cmd
}

// oneAccount wants the name of one account.
func oneAccount(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		example, _, _ := strings.Cut(cmd.Example, "\n")
		return fmt.Errorf("want one name, such as:%s", example)
	}
	return accounts.CheckName(args[0])
}

// askAccounts sends one call, and reads the answer into what into points to.
func askAccounts(cmd *cobra.Command, opt *options, asJSON bool, c operator.Call, into any) error {
	a := newAsker(cmd, opt, asJSON, toDatabase)
	defer a.close()
	err := a.ask(cmd.Context(), c, into)
	if p, ok := errors.AsType[*operator.Problem](err); ok && p.Name() == "bad-request" {
		return cli.Usage(err)
	}
	return err
}

// saySwitchedOff says it where accounts open nothing, by the settings of the service.
func saySwitchedOff(cmd *cobra.Command, opt *options) {
	cfg, err := loadRunning(cmd.Context(), opt, io.Discard)
	if err == nil && cfg.Portal.Mode != config.PortalAccounts {
		fmt.Fprintln(cmd.OutOrStdout(), "Nobody can come in by name and password yet: that takes PORTAL=accounts in the settings, and a restart.")
	}
}

func listAccountsCommand(opt *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the accounts, and when each was used",
		Long: `List the accounts by name, and when each was used, to the minute, in UTC.

` + askedWhere + `

Exit status: 0 they are listed, if there are any, 1 nobody knows, 2 wrong usage or
settings.`,
		Example: `  distributor accounts list
  distributor accounts list --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a := newAsker(cmd, opt, asJSON, byDatabase)
			defer a.close()
			var all operator.AccountList
			if err := a.ask(cmd.Context(), operator.Call{Path: operator.AccountsPath}, &all); err != nil {
				return err
			}
			return printed(cmd.OutOrStdout(), asJSON, all, writeAccounts)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonUsage+operator.AccountsPath)
	return cmd
}

func writeAccounts(out io.Writer, all operator.AccountList) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tMAY COME IN\tSESSIONS AT ONCE\tCREATED\tLAST SEEN\tNOTE")
	for _, a := range all.Accounts {
		may, seen := "yes", "not yet"
		if a.Disabled {
			may = "no, disabled"
		}
		if !a.LastSeen.IsZero() {
			seen = a.LastSeen.Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", a.Name, may, a.MaxSessions, a.Created.Format(time.DateTime), seen, a.Note)
	}
	return w.Flush()
}

// completeAccounts completes the name of one account.
func completeAccounts(opt *options) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
		a := quiet(opt)
		defer a.close()
		var all operator.AccountList
		if len(args) > 0 || a.ask(cmd.Context(), operator.Call{Path: operator.AccountsPath}, &all) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		for _, one := range all.Accounts {
			names = append(names, one.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
