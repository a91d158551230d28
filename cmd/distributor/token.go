package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/service"
)

// tokenBytes make a secret that nobody guesses.
const tokenBytes = 20

func tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make a token",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return cli.Usage(fmt.Errorf("unknown command %q for %q, want new", args[0], cmd.CommandPath()))
		},
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "new",
		Short: "Print a random token, fit for AUTH_TOKEN and ADMIN_TOKEN",
		Long: `Print a random token of 40 hexadecimal digits, fit for AUTH_TOKEN and ADMIN_TOKEN. It
is printed, and written nowhere: put it into .env, or into the file of a _FILE
variable, and restart.

Exit status: 0, or 2 wrong usage.`,
		Example: `  distributor token new
  distributor token new > /etc/wrp-distributor/admin-token`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := make([]byte, tokenBytes)
			rand.Read(b) // never fails
			_, err := fmt.Fprintln(cmd.OutOrStdout(), hex.EncodeToString(b))
			return err
		},
	})
	return cmd
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print which build this is (of those that run: processes)",
		Long: `Print which build of the program this is, and what it was made for. What runs may be
another: see processes.

Exit status: 0, or 2 wrong usage.`,
		Example: `  distributor version`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s version %s, %s, %s/%s\n", cli.Program("distributor"), service.BuildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
