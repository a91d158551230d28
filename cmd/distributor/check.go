package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/doctor"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/service"
)

// parallelChecks is how many hosts are looked at at once: each takes a container's start.
const parallelChecks = 8

func checkCommand(opt *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [HOST...]",
		Short: "Find out why a host does not work, and what to type",
		Long: `Find out why hosts do not work, and what to type: these, or all.

From here, over a connection of its own and whether or not a distributor runs, each
host is looked at step by step: its name, the connection, host key and login, the
way to Docker and to containers, the engine, its limits, the network, the host's
table, the image, certificate files, memory and ports; and in the end a container is
started, asked for a page as the distributor and as clients do it, and removed. A
host's list ends at the first step that failed, with what mends that. Eight hosts
at most are looked at at once; their lists come in the order of the hosts.

Nothing is changed but by that container, which is removed with Ctrl-C too. If the
network wrp is not there yet, it is made for it, and stays as the distributor's.

Exit status: 0 all steps of all hosts passed or do not concern them, 1 one failed, or
it was interrupted, 2 wrong usage or settings.`,
		Example: `  distributor hosts check
  distributor hosts check c1.example
  distributor hosts check --json | jq '.hosts[].steps[] | select(.outcome == "FAILED")'`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return checkHosts(cmd, opt, args, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document, when all is known")
	return cmd
}

// chosenHosts returns the configured hosts of those names, or all.
func chosenHosts(cfg *config.Config, names []string) ([]hosts.Host, error) {
	if len(names) == 0 {
		return cfg.Hosts, nil
	}
	var known []string
	for _, h := range cfg.Hosts {
		known = append(known, h.Name)
	}
	var chosen []hosts.Host
	for _, name := range names {
		i := slices.Index(known, name)
		if i < 0 {
			return nil, cli.Usage(fmt.Errorf("%w: %s; configured are: %s", hosts.ErrUnknownHost, name, strings.Join(known, ", ")))
		}
		chosen = append(chosen, cfg.Hosts[i])
	}
	return chosen, nil
}

// checked is what check --json prints.
type checked struct {
	Hosts []doctor.Report `json:"hosts"`
}

func checkHosts(cmd *cobra.Command, opt *options, names []string, asJSON bool) error {
	cfg, err := loadRunning(cmd.Context(), opt, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	chosen, err := chosenHosts(cfg, names)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	shown := io.Discard
	if !asJSON {
		shown = out
	}
	all, err := checkAll(cmd.Context(), cfg, chosen, shown)
	if err != nil {
		return err
	}
	if asJSON {
		err = json.NewEncoder(out).Encode(checked{all})
	}
	return errors.Join(err, failedChecks(all))
}

// checkAll looks at several hosts at once, and prints their lists one after the other: the
// first that is not over as it goes on.
func checkAll(ctx context.Context, cfg *config.Config, chosen []hosts.Host, out io.Writer) ([]doctor.Report, error) {
	all := make([]doctor.Report, len(chosen))
	lists := cli.NewInOrder(out, len(chosen))
	var g errgroup.Group
	g.SetLimit(parallelChecks)
	for i, h := range chosen {
		g.Go(func() (err error) {
			defer lists.End(i)
			if err := ctx.Err(); err != nil {
				return err
			}
			w := lists.Writer(i)
			fmt.Fprintln(w, h.Name)
			how := doctor.Config{Hosts: service.PoolConfig(cfg, "", nil), StartPort: cfg.StartPort, Place: cfg.Place(h.Name)}
			all[i], err = doctor.Check(ctx, how, h, checkPrinter{w, cli.IsTerminal(out)}.listener())
			return err
		})
	}
	return all, g.Wait()
}

// failedChecks returns an error if a host does not work.
func failedChecks(all []doctor.Report) error {
	failed := 0
	for _, r := range all {
		if !r.Passed {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("hosts that do not work: %d of %d", failed, len(all))
}

// A checkPrinter prints the steps of a host.
type checkPrinter struct {
	out      io.Writer
	terminal bool
}

func (p checkPrinter) listener() doctor.Listener {
	tell := doctor.Listener{End: p.end}
	if p.terminal {
		tell.Begin = func(name string) { fmt.Fprintf(p.out, "  ...      %s", name) }
	}
	return tell
}

// eraseLine takes back what was printed when a step began.
const eraseLine = "\r\x1b[K"

func (p checkPrinter) end(s doctor.Step) {
	if p.terminal {
		fmt.Fprint(p.out, eraseLine)
	}
	took := time.Duration(s.Seconds * float64(time.Second)).Round(time.Millisecond)
	fmt.Fprintf(p.out, "  %-7s  %-17s %7s  %s\n", s.Outcome, s.Name, took, cli.Typed(s.Found))
	if s.Mend == nil {
		return
	}
	what := "mend it"
	if s.Outcome == doctor.Passed {
		what = "better"
	}
	fmt.Fprintf(p.out, "           %s, %s:\n             %s\n", what, placeOf(s.Mend), cli.Typed(s.Mend.Command))
	if e := s.Mend.Else; e != nil {
		fmt.Fprintf(p.out, "           or, if %s:\n             %s\n", e.If, cli.Typed(e.Command))
	}
}

func placeOf(m *doctor.Mend) string {
	if m.On == doctor.Here {
		return doctor.Here
	}
	return "on " + m.On
}
