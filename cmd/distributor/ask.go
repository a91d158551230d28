package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service"
)

const jsonUsage = "print what the running distributor answers at "

// An asker sends one command's calls to the running distributor: by its control socket,
// else by LISTEN if there is an ADMIN_TOKEN. If none answers, the command looks and acts
// by itself, and says so first. All calls go the way of the first.
type asker struct {
	opt    *options
	stderr io.Writer
	notice io.Writer // is told that nobody answers
	alone  string    // what the command does then: the end of that sentence
	hosts  bool      // then the hosts are asked as well, and not only the database

	way   func(context.Context, operator.Call, any) error // nil: not known yet
	hangs []*operator.HangError                           // processes that do not answer, each said once
	svc   *service.Service                                // nil: the command does not act by itself
}

// newAsker returns an asker for a command, which says on stderr what is not the answer
// if that is JSON.
func newAsker(cmd *cobra.Command, opt *options, asJSON bool, alone string) *asker {
	a := &asker{opt: opt, stderr: cmd.ErrOrStderr(), notice: cmd.OutOrStdout(), alone: alone}
	if asJSON {
		a.notice = a.stderr
	}
	return a
}

const (
	byDatabase = "this is what the database says."
	toDatabase = "this is written to the database; those that run read it there."
)

func (a *asker) close() {
	if a.svc != nil {
		_ = a.svc.Close() // it has answered
	}
}

// ask sends a call, and reads the answer into what into points to.
func (a *asker) ask(ctx context.Context, c operator.Call, into any) error {
	if a.way != nil {
		return a.way(ctx, c, into)
	}
	// The socket is tried before the settings are looked at: the service may have others.
	if _, folder, err := config.Folders(a.opt.envFile); err == nil {
		a.way = func(ctx context.Context, c operator.Call, into any) error {
			c.Hangs = a.sayHangs
			return operator.Ask(ctx, folder, c, into)
		}
		if err := a.way(ctx, c, into); !errors.Is(err, operator.ErrNobody) {
			return err
		}
	}
	cfg, err := loadRunning(ctx, a.opt, a.stderr)
	if err != nil {
		return err
	}
	if cfg.AdminToken != "" {
		a.way = func(ctx context.Context, c operator.Call, into any) error {
			return operator.AskTCP(ctx, cfg.Listen, string(cfg.AdminToken), c, into)
		}
		if err := a.way(ctx, c, into); !errors.Is(err, operator.ErrNobody) {
			return err
		}
	}
	h, err := a.actAlone(ctx, cfg)
	if err != nil {
		return err
	}
	a.way = func(ctx context.Context, c operator.Call, into any) error {
		return operator.AskHandler(ctx, h, c, into)
	}
	return a.way(ctx, c, into)
}

// actAlone returns what answers in the place of a running distributor.
func (a *asker) actAlone(ctx context.Context, cfg *config.Config) (http.Handler, error) {
	svc, err := openExisting(ctx, cfg)
	if err != nil {
		return nil, nobodyAnswers(cfg, err)
	}
	a.svc = svc
	if a.hosts {
		svc.Pool.CheckHealth(ctx)
	}
	fmt.Fprintln(a.notice, "No running distributor answers:", a.alone)
	return operator.Handler(operator.Config{
		Database: service.Database(cfg, false),
		Sessions: svc.Sessions, Store: svc.Store, Processes: svc.DB.Known, DB: svc.DB, Accounts: svc.Accounts, StopNow: svc.Reaper.StopNow, EndSessions: svc.EndSessions,
		Hangs: a.knownToHang,
		Log:   slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}), nil
}

// sayHangs says of a process that it does not answer, once.
func (a *asker) sayHangs(err error) {
	h, _ := errors.AsType[*operator.HangError](err)
	if h != nil && !slices.ContainsFunc(a.hangs, func(known *operator.HangError) bool { return known.ID == h.ID }) {
		a.hangs = append(a.hangs, h)
		fmt.Fprintf(a.stderr, "Warning: %v.\n", err)
	}
}

func (a *asker) knownToHang(process string) bool {
	return slices.ContainsFunc(a.hangs, func(h *operator.HangError) bool { return strings.HasPrefix(process, h.ID) })
}

// nobodyAnswers says of a database that cannot be asked either which one it is, and what
// may mend it.
func nobodyAnswers(cfg *config.Config, err error) error {
	if !database.IsUnavailable(err) || errors.Is(err, database.ErrNoDatabase) {
		return err
	}
	where := service.Database(cfg, false)
	mend := where.Mend(err)
	return fmt.Errorf("no running distributor answers, and neither does the database %s: %w\n  %s:\n    %s", where, where.Reason(err), mend.Do, mend.Command)
}

// printed writes an answer as JSON, or by a function for people.
func printed[T any](out io.Writer, asJSON bool, answer T, write func(io.Writer, T) error) error {
	if asJSON {
		return json.NewEncoder(out).Encode(answer)
	}
	return write(out, answer)
}
