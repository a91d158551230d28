package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/operator"
)

const (
	stdinUsage  = "read the password from the first line of the standard input, instead of making one"
	maxLine     = 1 << 10 // bytes of it
	maxHtpasswd = 2 << 20 // bytes of a file
)

// A secret is how a command comes by a password, and tells of it.
type secret struct {
	stdin bool
	json  bool
}

func (s *secret) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&s.stdin, "password-stdin", false, stdinUsage)
	cmd.Flags().BoolVar(&s.json, "json", false, `print {"name":...,"password":...}; without the password if it was read`)
}

// read returns the password that was given, or nothing.
func (s *secret) read(cmd *cobra.Command) (string, error) {
	if !s.stdin {
		return "", nil
	}
	line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), maxLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	password := strings.TrimRight(line, "\r\n")
	if err := accounts.CheckPassword(password); err != nil {
		return "", cli.Usage(fmt.Errorf("--password-stdin: %w", err))
	}
	return password, nil
}

// tell prints what came of it: a password that was made is shown this once.
func (s *secret) tell(out io.Writer, done operator.MadePassword, sentence string) error {
	if s.json {
		return json.NewEncoder(out).Encode(done)
	}
	fmt.Fprintln(out, sentence)
	if done.Password != "" {
		fmt.Fprintf(out, "Password: %s\n", done.Password)
	}
	return nil
}

func addAccountCommand(opt *options) *cobra.Command {
	var s secret
	var wanted operator.NewAccount
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add an account, and print the password that is made for it",
		Long: `Add an account, and print the password that is made for it: random, and so worth
nothing elsewhere. It is shown this once.

` + askedWhere + `

Exit status: 0 it is added, 1 it is not, such as because there is one of that name, 2
wrong usage or settings.`,
		Example: `  distributor accounts add anna
  distributor accounts add anna --max-sessions 3 --note "room 7"
  pass wrp/anna | distributor accounts add anna --password-stdin
  distributor accounts add anna --json`,
		Args: oneAccount,

		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted.Name = args[0]
			return addAccount(cmd, opt, s, wanted)
		},
	}
	s.flags(cmd)
	cmd.Flags().IntVar(&wanted.MaxSessions, "max-sessions", accounts.DefaultMaxSessions, "sessions that it may have at once")
	cmd.Flags().StringVar(&wanted.Note, "note", "", "for operators, in the list")
	return cmd
}

func addAccount(cmd *cobra.Command, opt *options, s secret, wanted operator.NewAccount) (err error) {
	// 0 would be taken for the usual, further on.
	if err := errors.Join(accounts.CheckMaxSessions(wanted.MaxSessions), accounts.CheckNote(wanted.Note)); err != nil {
		return cli.Usage(err)
	}
	if wanted.Password, err = s.read(cmd); err != nil {
		return err
	}
	var done operator.MadePassword
	if err := askAccounts(cmd, opt, s.json, operator.Call{Method: http.MethodPost, Path: operator.AccountsPath, Body: wanted}, &done); err != nil {
		return err
	}
	err = s.tell(cmd.OutOrStdout(), done, "Added account "+done.Name+".")
	if err == nil && !s.json {
		saySwitchedOff(cmd, opt)
	}
	return err
}

func passwordCommand(opt *options) *cobra.Command {
	var s secret
	cmd := &cobra.Command{
		Use:   "password NAME",
		Short: "Give an account another password, and print it",
		Long: `Give an account another password, and print it. The one before opens nothing from now
on, nor do cookies that it got; sessions that run go on.

` + askedWhere + `

Exit status: 0 it has another password, 1 it has not, such as because there is no such
account, 2 wrong usage or settings.`,
		Example: `  distributor accounts password anna
  pass wrp/anna | distributor accounts password anna --password-stdin`,
		Args: oneAccount,

		ValidArgsFunction: completeAccounts(opt),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := s.read(cmd)
			if err != nil {
				return err
			}
			var done operator.MadePassword
			call := operator.Call{Method: http.MethodPost, Path: operator.AccountPasswordPath(args[0]), Body: operator.NewPassword{Password: password}}
			if err := askAccounts(cmd, opt, s.json, call, &done); err != nil {
				return err
			}
			return s.tell(cmd.OutOrStdout(), done, "Account "+done.Name+" has another password.")
		},
	}
	s.flags(cmd)
	return cmd
}
