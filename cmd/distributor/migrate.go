package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/service"
	"wrpdistributor/internal/session"
)

func migrateCommand(opt *options) *cobra.Command {
	var down bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database up to date, or give it back to the PHP program",
		Long: `Bring the database up to date: make the tables, or take over those that the PHP
program left, with all running sessions and statistics. The service does the
same when it starts; several at once are safe.

With --down the tables get back the shape that the PHP program knows. All sessions
but those that it started are stopped first, and named. While a process of the
service works with the database, nothing is done.

Exit status: 0 it is done, or there was nothing to do, 1 it is not, for the reason that
is said, 2 wrong usage or settings.`,
		Example: `  distributor migrate
  distributor migrate --down`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadRunning(cmd.Context(), opt, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if down {
				return migrateDown(cmd, cfg, newLogger(cfg, cmd.ErrOrStderr()))
			}
			return migrateUp(cmd, cfg)
		},
	}
	cmd.Flags().BoolVar(&down, "down", false, "give the database back to the PHP program")
	return cmd
}

func migrateUp(cmd *cobra.Command, cfg *config.Config) error {
	db, err := database.Open(cmd.Context(), service.Database(cfg, true))
	if err != nil {
		return withMend(service.Database(cfg, true), err)
	}
	defer db.Close()
	before, err := db.Versions(cmd.Context())
	if err == nil {
		err = db.Migrate(cmd.Context())
	}
	if err != nil {
		return err
	}
	if before.Has == 0 {
		if err := sayTakenOver(cmd, db); err != nil {
			return err
		}
	}
	if path, made := db.Made(); made {
		fmt.Fprintf(cmd.OutOrStdout(), "There was no database at %s: a new one was made.\n", path)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "The database %s is up to date.\n", cfg.Database)
	return nil
}

// sayTakenOver says what tables that are new have in them already: only what was the PHP
// program's can be.
func sayTakenOver(cmd *cobra.Command, db *database.DB) error {
	var found struct {
		Sessions int `db:"sessions"`
		Rows     int `db:"statistics"`
	}
	err := db.GetContext(cmd.Context(), &found, `SELECT (SELECT COUNT(*) FROM sessions) AS sessions, (SELECT COUNT(*) FROM statistics) AS statistics`)
	if err != nil {
		return fmt.Errorf("count what was taken over: %w", err)
	}
	if found.Sessions+found.Rows > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "Taken over from the PHP program: %s, and %d rows of statistics.\n", number(found.Sessions), found.Rows)
	}
	return nil
}

func migrateDown(cmd *cobra.Command, cfg *config.Config, log *slog.Logger) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	db, err := database.Open(ctx, service.Database(cfg, false))
	if err != nil {
		return err
	}
	svc, err := service.Open(ctx, cfg, db, log)
	if err != nil {
		return err
	}
	defer closeAll(svc, log)
	if err := db.Migrate(ctx); err != nil {
		return err // an older schema of ours may lack columns that Unfit and Down read
	}
	if err := db.RefuseLiving(ctx); err != nil {
		return fmt.Errorf("%w (nothing was changed)", err)
	}
	unfit, err := database.Unfit(ctx, db)
	if err != nil {
		return err
	}
	if err := stopUnfit(ctx, svc, unfit, out); err != nil {
		return err
	}
	closeAll(svc.Journal, log) // there will be no table for it
	if err := database.Down(ctx, db); err != nil {
		return err
	}
	fmt.Fprintln(out, "The database is the PHP program's again.")
	return nil
}

// stopUnfit stops the sessions with these ids, after it has said which.
func stopUnfit(ctx context.Context, svc *service.Service, ids []int64, out io.Writer) error {
	var list []*session.Session
	for _, id := range ids {
		s, err := svc.Store.ByID(ctx, id)
		if errors.Is(err, session.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		list = append(list, s)
		why := "which the PHP program did not start, and could not remove"
		if s.Nonce == "" {
			why = "which its tables cannot hold"
		}
		fmt.Fprintf(out, "Stopping session %d on %s:%d (%s), %s.\n", s.ID, s.Host, s.Port, s.State, why)
	}
	for _, s := range list {
		if err := svc.Reaper.StopNow(ctx, s); err != nil {
			return fmt.Errorf("%w (the tables are unchanged)", err)
		}
	}
	return nil
}
