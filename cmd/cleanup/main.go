// Command cleanup stops idle sessions and removes what was left behind. It is
// made for cron, and for operators.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/service"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	service.LimitGarbage()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", cli.Program("cleanup"), cli.Typed(err.Error()))
	}
	os.Exit(cli.ExitCode(err))
}

// run is the whole program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return cli.Run(ctx, rootCommand(), args, stdout, stderr)
}
