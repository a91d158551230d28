package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service"
)

// errReload says nothing of why, because the processes did.
var errReload = errors.New("not every process reads the hosts anew, see above")

func reloadCommand(opt *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Read HOSTS_FILE again, without a restart",
		Long: `Have all processes on this machine read HOSTS_FILE again: distributors and
cleanup --every, by their control sockets in RUNTIME_DIR. If there are none, the
distributor at LISTEN is told, if there is an ADMIN_TOKEN.

Hosts that are new join, limits and logins that changed count from now on. A host
that is not in the file any more is leaving: it takes no new sessions, and is
served and cleaned until it has none. A file with mistakes, or without a host,
changes nothing. Everything else takes a restart; what has changed is named.

SIGHUP does the same for one process.

Exit status: 0 all processes read it, 1 one did not, or none runs here, 2 wrong usage
or settings.`,
		Example: `  distributor reload
  distributor reload --json       one line for each process
  systemctl reload wrp-distributor`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return reload(cmd, opt, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what each process answers at "+operator.ReloadPath+", one on a line")
	return cmd
}

func reload(cmd *cobra.Command, opt *options, asJSON bool) error {
	_, folder, err := config.Folders(opt.envFile)
	if err != nil {
		return cli.Usage(err)
	}
	answers, err := operator.Reload(cmd.Context(), folder)
	if errors.Is(err, operator.ErrNobody) {
		answers, err = reloadByListen(cmd.Context(), opt, err)
	}
	if errors.Is(err, operator.ErrNobody) {
		return fmt.Errorf("%w at a control socket in %s (RUNTIME_DIR), nor at LISTEN with ADMIN_TOKEN; on another machine, or in another container, run the command there", err, folder)
	}
	for _, a := range answers {
		switch {
		case a.Err != nil:
			fmt.Fprintln(cmd.ErrOrStderr(), "Nothing was changed:\n"+a.Err.Error())
			err = errReload
		case asJSON:
			if err := json.NewEncoder(cmd.OutOrStdout()).Encode(a.Reloaded); err != nil {
				return err
			}
		default:
			writeReloaded(cmd.OutOrStdout(), a.Reloaded)
		}
	}
	return err
}

// reloadByListen tells the distributor at LISTEN, if there is an ADMIN_TOKEN to do it with.
// Else what is wrong stays nobody.
func reloadByListen(ctx context.Context, opt *options, nobody error) ([]operator.ReloadAnswer, error) {
	cfg, err := service.LoadRunning(opt.envFile, nil)
	if err != nil || cfg.AdminToken == "" {
		return nil, nobody
	}
	var a operator.ReloadAnswer
	a.Err = operator.AskTCP(ctx, cfg.Listen, string(cfg.AdminToken), operator.Call{Method: http.MethodPost, Path: operator.ReloadPath}, &a.Reloaded)
	if errors.Is(a.Err, operator.ErrNobody) {
		return nil, nobody
	}
	return []operator.ReloadAnswer{a}, nil
}

// writeReloaded says what a process did, in a sentence for each thing.
func writeReloaded(w io.Writer, r operator.Reloaded) {
	say := func(what string, names []string) {
		if len(names) > 0 {
			fmt.Fprintf(w, "  %s: %s\n", what, strings.Join(names, ", "))
		}
	}
	fmt.Fprintf(w, "%s:\n", r.Process)
	if r.Later {
		fmt.Fprintln(w, cli.Typed("  waits for its database (see distributor status): the file is good, and is read when that answers"))
		say("counts after a restart only", r.Restart)
		return
	}
	say("joined", r.Joined)
	say("changed", r.Changed)
	for _, l := range r.Leaving {
		count := "the database does not say how many sessions it has"
		if l.Sessions != nil {
			count = fmt.Sprintf("%d sessions stand on it", *l.Sessions)
		}
		fmt.Fprintf(w, "  leaving: %s, %s\n", l.Host, count)
	}
	if len(r.Joined)+len(r.Changed)+len(r.Leaving) == 0 {
		fmt.Fprintln(w, "  no host has changed")
	}
	say("counts after a restart only", r.Restart)
}

// reloadLater answers who wants the hosts to be read again before there is a database.
func (d *distributor) reloadLater(context.Context) (operator.Reloaded, error) {
	later, err := service.Postpone(d.process, d.origin)
	if err != nil {
		return later, err
	}
	select {
	case d.reloads <- syscall.SIGHUP:
	default: // one waits already
	}
	return later, nil
}

// reloadOnSignal reads the hosts again for each signal, until ctx is done.
func (d *distributor) reloadOnSignal(ctx context.Context, signals <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-signals:
			if _, err := d.reloader.Reload(ctx); err != nil {
				d.log.WarnContext(ctx, "reload refused; nothing was changed", "err", err)
			}
		}
	}
}
