// Command bench measures what the service adds to the time that Docker takes,
// and what its gateway takes from the speed of a connection.
//
// It uses real parts: the distributor as its operators run it, OpenSSH, MariaDB
// and this machine's Docker engine with the stand-in for WRP. What is compared
// is measured in turn, one at a time and in one run, so that a machine which is
// slow today is slow for both sides. So the ratios tell something, the times
// alone hardly do. Targets are printed with whether they hold; a run in which
// one does not hold has not failed.
//
// The work is done by the package's test, for which the test kits are made;
// this program builds and runs it. "go test" itself makes a few rounds, and looks
// at the report but at no time.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/selftest"
)

func main() {
	// Ctrl-C reaches the test too, which then ends all that it has started.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

const (
	exitUsage    = 2
	browserStart = 2 * time.Second
	perRound     = 2 * time.Minute // what waits for longer has failed before
)

// The parts that can be measured alone.
const (
	onlyPut     = "put"
	onlyGateway = "gateway"
)

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	code := exitUsage
	cmd := command(&code)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	if err := cmd.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return code
	}
	return 0
}

// options are the flags. The test has flags of the same names.
type options struct {
	rounds int
	only   string // empty: everything
}

func command(code *int) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure what the service adds to Docker, and the gateway to a connection",
		Long: `Measure what the service adds to the time that Docker takes to start a
container, with and without containers that wait, and what the gateway takes
from the speed of a connection. Let nothing else run meanwhile.

Exit status: 0 it was measured, whether targets hold or not; 1 it could not be;
2 wrong usage.`,
		Example: `  go run ./internal/bench
  go run ./internal/bench --rounds 5 --only gateway`,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			*code = 1
			return o.bench(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.rounds, "rounds", 20, "how often each is measured; a round takes some ten seconds")
	f.StringVar(&o.only, "only", "", "measure only this: put or gateway")
	return cmd
}

func (o options) check() error {
	if o.rounds < 1 {
		return fmt.Errorf("--rounds %d: want at least 1", o.rounds)
	}
	if o.only != "" && o.only != onlyPut && o.only != onlyGateway {
		return fmt.Errorf("--only %q: want %s or %s", o.only, onlyPut, onlyGateway)
	}
	return nil
}

// bench builds the test and runs it.
func (o options) bench(ctx context.Context, stdout, stderr io.Writer) error {
	return selftest.Test{
		Package: "wrpdistributor/internal/bench",
		Name:    "TestBench",
		Timeout: time.Duration(o.rounds+2) * perRound,
		Flags:   []string{"-talk", "-rounds=" + strconv.Itoa(o.rounds), "-only=" + o.only, "-browser=" + browserStart.String()},
		Env:     []string{"CI=1"}, // a part that is missing is a failure, and not a reason to skip
		Stdout:  stdout,
		Stderr:  stderr,
	}.Run(ctx)
}
