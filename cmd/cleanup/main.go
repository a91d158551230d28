// Command cleanup ends idle sessions and removes what was left behind. It is
// made for cron, and for operators.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

const (
	exitFailed = 1
	exitUsage  = 2
)

// run is the whole program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	code := exitUsage // what goes wrong before anything is touched is a usage error
	root := rootCommand(&code)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(stderr, "cleanup:", err)
		return code
	}
	return 0
}
