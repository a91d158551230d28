package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/service"
)

func pullCommand(opt *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "pull [HOST...]",
		Short: "Pull the WRP image on all hosts at once, or on these",
		Long: `Have all hosts, or these, pull WRP_IMAGE as its registry has it now: at once, each
from the registry, whether or not a distributor runs. With Ctrl-C they stop, and so they
do if this command is killed: what a host had before stays. Pull again.

New sessions get what was pulled within ten seconds, and containers that wait for
clients are replaced; sessions that run keep the image that they began with. The
image that had the name before stays on the host until docker image prune.

Exit status: 0 all have it, 1 one could not pull it, 2 wrong usage or settings.`,
		Example: `  distributor hosts pull
  distributor hosts pull c1.example c2.example
  distributor hosts pull --json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return pullImage(cmd, opt, args, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document, when all is done")
	return cmd
}

// A pulled is what came of one host's pull.
type pulled struct {
	Host   string `json:"host"`
	Before string `json:"before,omitempty"` // id of the image
	After  string `json:"after,omitempty"`
	Error  string `json:"error,omitempty"`
	Mend   string `json:"mend,omitempty"` // where the distributor runs
}

// String is for people.
func (p pulled) String() string {
	switch {
	case p.Error != "":
		return "FAILED: " + p.Error
	case p.Before == p.After:
		return "nothing newer, it is " + p.After
	case p.Before == "":
		return "pulled " + p.After
	}
	return "pulled " + p.After + ", was " + p.Before
}

func pullImage(cmd *cobra.Command, opt *options, names []string, asJSON bool) error {
	cfg, err := loadRunning(cmd.Context(), opt, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	chosen, err := chosenHosts(cfg, names)
	if err != nil {
		return err
	}
	how := service.PoolConfig(cfg, "", slog.New(slog.DiscardHandler))
	how.Hosts, how.GatewayStartPort = chosen, 0
	pool, err := hosts.New(how)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	shown := io.Discard
	if !asJSON {
		fmt.Fprintf(out, "Pulling %s on %d of %d hosts.\n", cfg.Container.Image, len(chosen), len(cfg.Hosts))
		shown = out
	}
	all := pullAll(cmd.Context(), pool, cfg.Container.Image, shown)
	if err := pool.Close(); err != nil {
		return err
	}
	if asJSON {
		err = json.NewEncoder(out).Encode(map[string][]pulled{"hosts": all})
	}
	writeMends(shown, all)
	return errors.Join(err, failedPulls(all))
}

// writeMends says what mends the pulls that failed.
func writeMends(out io.Writer, all []pulled) {
	for _, p := range all {
		if p.Mend != "" {
			fmt.Fprintf(out, "mend it, %s:\n  %s\n", p.Host, cli.Typed(p.Mend))
		}
	}
}

// failedPulls returns an error if one has failed.
func failedPulls(all []pulled) error {
	failed := 0
	for _, p := range all {
		if p.Error != "" {
			failed++
		}
	}
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("hosts that could not pull the image: %d of %d", failed, len(all))
}

// pullAll has all hosts of a pool pull at once, and shows how far they are.
func pullAll(ctx context.Context, pool *hosts.Pool, image string, out io.Writer) []pulled {
	list := pool.Hosts()
	names := make([]string, len(list))
	for i, h := range list {
		names[i] = h.Name
	}
	board := cli.NewBoard(out, names)
	all := make([]pulled, len(list))
	var pulls sync.WaitGroup
	for i, name := range names {
		pulls.Go(func() {
			got, err := pool.Pull(ctx, name, func(done, total int64) { board.Progress(i, done, total) })
			all[i] = pulled{Host: name, Before: got.Before, After: got.After}
			switch {
			case err != nil && ctx.Err() != nil: // whatever the host's words for it are
				all[i].Error, all[i].Mend = "interrupted", "distributor hosts pull "+name
			case err != nil:
				all[i].Error, all[i].Mend = err.Error(), hosts.MendPull(list[i], image, err)
			}
			board.Finish(i, all[i].String())
		})
	}
	pulls.Wait()
	board.Close()
	return all
}
