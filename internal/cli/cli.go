// Package cli runs the command line of a program and decides its exit code: 0 if
// all went well, 2 if the command line or the settings are wrong and nothing was
// touched, 1 for everything else that fails.
package cli

import (
	"context"
	"errors"
	"io"
	"regexp"

	"github.com/spf13/cobra"
)

const (
	exitFailed = 1
	exitUsage  = 2
)

type usageError struct{ error }

// Unwrap returns the error that was marked.
func (e usageError) Unwrap() error { return e.error }

// Usage marks an error as one of the command line or of the settings. Only what is
// found before anything was touched may be marked.
func Usage(err error) error { return usageError{err} }

// Run executes a command with these arguments. Arguments that the command does not
// take are a usage error.
func Run(ctx context.Context, root *cobra.Command, args []string, stdout, stderr io.Writer) error {
	callAsInstalled(root)
	accepted := false
	root.PersistentPreRun = func(*cobra.Command, []string) { accepted = true }
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !accepted {
		return Usage(misused{err, cmd.CommandPath()})
	}
	return err
}

// misused says how a command is not used, without the names of functions that the standard
// library quotes.
type misused struct {
	error
	command string
}

var quotedParser = regexp.MustCompile(`strconv\.Parse\w+: parsing "[^"]*": invalid syntax`)

// Error implements error.
func (m misused) Error() string {
	return quotedParser.ReplaceAllString(m.error.Error(), "want a number") + " (see " + m.command + " --help)"
}

// Unwrap returns the error itself.
func (m misused) Unwrap() error { return m.error }

// ExitCode returns what a program that ends with err, or nil, exits with.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}
