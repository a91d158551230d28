// Command hostguard stands before a container host's Docker socket, and lets through
// what the sessions of one distributor need. docs/operations.md tells how it is
// installed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], process{os.Stdin, os.Stdout, os.Stderr})
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.As(err, new(usageError)):
		fmt.Fprintln(os.Stderr, "hostguard:", err)
		os.Exit(exitUsage)
	default:
		fmt.Fprintln(os.Stderr, "hostguard:", err)
		os.Exit(exitFailed)
	}
}

// A process is what the program was started with.
type process struct {
	in       io.Reader
	out, err io.Writer
}

// A usageError is one of the command line or the settings: nothing was begun.
type usageError struct{ error }

// Unwrap returns the error that was marked.
func (e usageError) Unwrap() error { return e.error }
