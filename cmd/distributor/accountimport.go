package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/operator"
)

func importAccountsCommand(opt *options) *cobra.Command {
	var replace, asJSON bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Add an account for each line of a file of passwords",
		Long: `Add an account for each line of a file of passwords, as htpasswd -B writes it:
name:hash, with bcrypt, of a cost of at most 12. Empty lines and those that begin with #
are left out. If anything is wrong with a line, or there is such an account already,
nothing is imported, and each such line is named.

` + askedWhere + `

Exit status: 0 all are imported, 1 none is, 2 wrong usage or settings.`,
		Example: `  distributor accounts import users.htpasswd
  distributor accounts import users.htpasswd --replace
  ssh www cat /etc/apache2/users | distributor accounts import -`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readHtpasswd(cmd, args[0])
			if err != nil {
				return err
			}
			var done operator.AccountsImported
			call := operator.Call{Method: http.MethodPost, Path: operator.ImportAccountsPath, Body: operator.AccountImport{Htpasswd: text, Replace: replace}}
			if err := askAccounts(cmd, opt, asJSON, call, &done); err != nil {
				return err
			}
			err = writeImported(cmd.OutOrStdout(), done, asJSON)
			if err == nil && !asJSON {
				saySwitchedOff(cmd, opt)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&replace, "replace", false, "give accounts that are there already the passwords of the file")
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonUsage+operator.ImportAccountsPath)
	return cmd
}

// readHtpasswd reads a file, or with "-" the standard input.
func readHtpasswd(cmd *cobra.Command, name string) (string, error) {
	in := cmd.InOrStdin()
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxHtpasswd+1))
	if err == nil && len(text) > maxHtpasswd {
		err = fmt.Errorf("%s is longer than %d MiB: want a file of passwords, in several parts if need be", name, maxHtpasswd>>20)
	}
	return string(text), err
}

func writeImported(out io.Writer, done operator.AccountsImported, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(done)
	}
	for _, part := range []struct {
		what  string
		names []string
	}{{"Added", done.Added}, {"Replaced the passwords of", done.Replaced}} {
		if len(part.names) > 0 {
			fmt.Fprintf(out, "%s %d: %s\n", part.what, len(part.names), strings.Join(part.names, " "))
		}
	}
	return nil
}
