// Command torture runs the whole service under every kind of trouble and looks
// whether it ever does something wrong.
//
// Two distributors and two cleanups work on one database and several container
// hosts, and many clients use them, while processes are killed and frozen, the
// database goes away, hosts are cut off, containers die and strangers take our
// ports. An observer compares what Docker, the database and the clients' log
// say with what is promised:
//
//	I1  no port and no slot of a host belongs to two sessions, and no host runs
//	    more of our containers than it may
//	I2  a client has at most one container that is not being stopped
//	I3  an address is handed over only if its container runs
//	I4  a session in use is never reaped, an idle one is gone after one cleanup
//	I5  a container of ours has a row or is gone soon, a stranger's is let be
//	I6  a host that cannot be asked loses nothing
//	W1  nobody is refused while a container waits on a host that is well
//	W2  where there is room as many containers wait as should, soon after trouble
//	G1  a gateway, any of them, serves a session that runs, and nobody else's
//	G2  a session that is used is not left frozen, and its use is written down
//
// Containers that wait for clients are held to I1 to I5 as well.
//
// The work is done by the package's test, for which the test kits are made;
// this program builds and runs it. "go test" itself runs a short form.
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
	exitUsage   = 2
	defaultWarm = 2
	slack       = 5 * time.Minute // for the preparations and the end
)

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	code := exitUsage
	cmd := command(&code)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	if err := cmd.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(stderr, "torture:", err)
		return code
	}
	return 0
}

// options are the flags. The test has flags of the same names.
type options struct {
	duration time.Duration
	seed     uint64
	clients  int
	hosts    int
	real     int
	warm     int
	gateway  bool
	race     bool
	patient  bool
}

func command(code *int) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "torture",
		Short: "Kill, freeze and cut off everything while clients use the service, and look for what is wrong",
		Long: `Kill, freeze and cut off everything while clients use the service, and look
for what is wrong. The seed is said first: with the same one the same troubles
come at the same times, and the clients make the same choices.

Exit status: 0 nothing was wrong, 1 something was, 2 wrong usage.`,
		Example: `  go run ./internal/torture --duration 120s
  go run ./internal/torture --duration 120s --seed 7 --race     the same troubles again, with the race detector
  go run ./internal/torture --warm 0 --gateway=false            without waiting containers, clients connect to the hosts
  go run ./internal/torture --duration 60s --real 2             two real Docker hosts (made by: make test-images)`,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			*code = 1
			return o.torture(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.DurationVar(&o.duration, "duration", 2*time.Minute, "how long troubles come; preparing and checking take half a minute more")
	f.Uint64Var(&o.seed, "seed", 0, "what all choices follow from; 0 takes one from the clock")
	f.IntVar(&o.clients, "clients", 60, "how many clients")
	f.IntVar(&o.hosts, "hosts", 3, "how many pretend hosts")
	f.IntVar(&o.real, "real", 0, "use so many real Docker hosts in containers instead")
	f.IntVar(&o.warm, "warm", defaultWarm, "how many containers wait on each host; 0: none")
	f.BoolVar(&o.gateway, "gateway", true, "reach sessions through gateways")
	f.BoolVar(&o.race, "race", false, "build the distributor and cleanup with the race detector")
	f.BoolVar(&o.patient, "patient", false, "go on after the first violations")
	return cmd
}

// torture builds the test and runs it.
func (o options) torture(ctx context.Context, stdout, stderr io.Writer) error {
	return selftest.Test{
		Package: "wrpdistributor/internal/torture",
		Name:    "TestTorture",
		Timeout: o.duration + slack,
		Flags: []string{
			"-talk", "-duration=" + o.duration.String(), "-seed=" + strconv.FormatUint(o.seed, 10), "-clients=" + strconv.Itoa(o.clients),
			"-hosts=" + strconv.Itoa(o.hosts), "-real=" + strconv.Itoa(o.real), "-warm=" + strconv.Itoa(o.warm),
			fmt.Sprintf("-gateway=%t", o.gateway), fmt.Sprintf("-race=%t", o.race), fmt.Sprintf("-patient=%t", o.patient),
		},
		Stdout: stdout,
		Stderr: stderr,
	}.Run(ctx)
}
