package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/operator"
)

const (
	stopsAtOnce = 8
	stopTimeout = 5 * time.Minute // a start that is under way is waited for
)

var errNotStopped = errors.New("not all were stopped, see above")

// A stopping is one run of sessions stop.
type stopping struct {
	*asker
	id     int64 // 0: the filter says which
	filter operator.Filter
	dryRun bool
	out    io.Writer
	stderr io.Writer
}

func stopSessionsCommand(opt *options) *cobra.Command {
	s := stopping{}
	cmd := &cobra.Command{
		Use:   "stop [ID]",
		Short: "Stop one session, or all that flags choose",
		Long: `Stop one session, or all of clients that flags choose (of several flags all have to
be true). Says which, and how many, and returns when their containers are gone.
Their clients get other sessions when they ask again: see pause.

` + askedWhere + `

Exit status: 0 they are stopped, or there were none that the flags choose, 1 one could
not be, or there is none with that ID, or no such host, 2 wrong usage or settings.`,
		Example: `  distributor sessions stop 4711
  distributor sessions stop --client 192.0.2.7
  distributor sessions stop --account anna
  distributor sessions stop --host c1.example --older-than 8h --dry-run`,
		Args: cobra.MaximumNArgs(1),

		ValidArgsFunction: completeSessions(opt),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := s.choose(cmd, args); err != nil {
				return err
			}
			s.out, s.stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			s.asker = newAsker(cmd, opt, false, "they are stopped from here.")
			defer s.close()
			return s.run(cmd.Context())
		},
	}
	filterFlags(cmd, opt, &s.filter)
	cmd.Flags().BoolVar(&s.dryRun, "dry-run", false, "say which, and stop none")
	return cmd
}

// choose takes the ID or the flags, not both, and not neither: that would be all.
func (s *stopping) choose(cmd *cobra.Command, args []string) (err error) {
	if err := checkFilter(cmd.Flags()); err != nil {
		return err
	}
	isFiltered := s.filter != operator.Filter{}
	switch {
	case len(args) == 0 && !isFiltered:
		return cli.Usage(errors.New("which? want an ID, --client, --account, --host or --older-than (cleanup --all stops all)"))
	case len(args) == 1 && isFiltered:
		return cli.Usage(errors.New("want an ID or flags, not both"))
	case len(args) == 0:
		return nil
	}
	if s.id, err = strconv.ParseInt(args[0], 10, 64); err != nil || s.id < 1 {
		return cli.Usage(fmt.Errorf("ID %q: want a number, see sessions list", args[0]))
	}
	return nil
}

func (s *stopping) run(ctx context.Context) error {
	var all operator.SessionList
	if err := s.ask(ctx, operator.Call{Path: operator.SessionsPath, Query: s.filter.Query()}, &all); err != nil {
		return err
	}
	list := slices.DeleteFunc(all.Sessions, func(one operator.Session) bool {
		if s.id != 0 {
			return one.ID != s.id
		}
		return one.Client == "" // it waits for one
	})
	switch {
	case len(list) == 0 && s.id != 0:
		return fmt.Errorf("there is no session %d (any more)", s.id)
	case len(list) == 0:
		if err := s.knowsHost(ctx, s.filter.Host); err != nil {
			return err
		}
		fmt.Fprintln(s.out, "There are no such sessions.")
		return nil
	}
	if err := writeSessions(s.out, operator.SessionList{Sessions: list}); err != nil {
		return err
	}
	if s.dryRun {
		fmt.Fprintf(s.out, "%s would be stopped.\n", number(len(list)))
		return nil
	}
	fmt.Fprintf(s.out, "Stopping %s.\n", number(len(list)))
	return s.stopAll(ctx, list)
}

// stopAll stops a few at a time. One that cannot be stopped does not keep the others.
func (s *stopping) stopAll(ctx context.Context, list []operator.Session) error {
	bar := cli.NewBar(s.stderr, "stopped", len(list))
	var mu sync.Mutex
	var problems []error
	var g errgroup.Group
	g.SetLimit(stopsAtOnce)
	for _, one := range list {
		g.Go(func() error {
			var was operator.Session
			err := s.ask(ctx, operator.Call{Method: http.MethodDelete, Path: operator.SessionPath(one.ID), Timeout: stopTimeout}, &was)
			bar.Step()
			if p, ok := errors.AsType[*operator.Problem](err); ok && p.Name() == "no-such-session" {
				err = nil // it ended by itself meanwhile
			}
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				problems = append(problems, ofSession(one.ID, err))
			}
			return nil
		})
	}
	_ = g.Wait() // its functions return no errors
	bar.Finish()
	for _, err := range problems {
		fmt.Fprintln(s.stderr, "distributor:", err)
	}
	fmt.Fprintf(s.out, "Stopped, with their containers gone: %d. Not stopped: %d.\n", len(list)-len(problems), len(problems))
	if len(problems) > 0 {
		return errNotStopped
	}
	return nil
}

// ofSession has an error name its session, once.
func ofSession(id int64, err error) error {
	name := fmt.Sprintf("session %d", id)
	if strings.HasPrefix(err.Error(), name+" ") {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

func number(n int) string {
	if n == 1 {
		return "1 session"
	}
	return fmt.Sprintf("%d sessions", n)
}
