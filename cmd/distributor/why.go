package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/service"
	"wrpdistributor/internal/session"
)

func whyCommand(opt *options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "why REQUEST|SESSION|CLIENT",
		Short: "Tell what happened to a request, a session or a client",
		Long: `Tell what happened to a request, a session or a client, oldest first, in the time zone
of this machine: where a session was started and how long each step took, why a client
was refused, host by host, and why and by whom a session was ended.

REQUEST is the id on an error page, and in the header X-Request-Id of every answer.
SESSION is the number that the log has. CLIENT is an address, or an address and a hash
as the log has it, or the hash alone. Any host's name is for "distributor journal".

The database is asked, whether or not a distributor runs. What happened is there within
a second, and for as long as JOURNAL_KEEP says.

Exit status: 0 something is told, 1 nothing is known of it (and what may be the reason),
or the database does not answer, 2 wrong usage or settings.`,
		Example: `  distributor why K7QX2MBD4T              the request of an error page
  distributor why 1742                    a session
  distributor why 192.0.2.1               all clients at an address
  distributor why 192.0.2.1#1a2b3c4d      one of them, as the log names it
  distributor why 1a2b3c4d --json         the same for programs`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("want one request, session or client, such as: distributor why K7QX2MBD4T")
			}
			return nil
		},
		RunE: withDatabase(opt, func(cmd *cobra.Command, cfg *config.Config, db *database.DB, args []string) error {
			return tellWhy(cmd, cfg, db, args[0], asJSON)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, `print {"entries":[...]}`)
	return cmd
}

// withDatabase returns what a command runs that needs the database only.
func withDatabase(opt *options, do func(*cobra.Command, *config.Config, *database.DB, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		cfg, err := loadRunning(cmd.Context(), opt, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		db, err := database.Open(cmd.Context(), service.Database(cfg, false))
		if err != nil {
			return err
		}
		defer db.Close()
		return do(cmd, cfg, db, args)
	}
}

func tellWhy(cmd *cobra.Command, cfg *config.Config, db *database.DB, about string, asJSON bool) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	list, err := journal.Why(ctx, db, about)
	switch {
	case errors.Is(err, journal.ErrForm):
		return cli.Usage(fmt.Errorf("%q: %w", about, err))
	case err != nil:
		return err
	case len(list) == 0:
		return unknown(ctx, cfg, db, about)
	case asJSON:
		return json.NewEncoder(out).Encode(journal.Entries{Entries: list})
	}
	writeTale(out, list, time.Now())
	return writePresent(ctx, out, session.NewStore(db, cfg.StartTimeout), list)
}

// writeTale tells entries, each with its client if that is not the same for all.
func writeTale(out io.Writer, list []journal.Entry, now time.Time) {
	client, several := "", false
	for _, e := range list {
		several = several || client != "" && e.Client != "" && e.Client != client
		if e.Client != "" {
			client = e.Client
		}
	}
	if !several && client != "" {
		fmt.Fprintf(out, "Client %s:\n", client)
	}
	for _, e := range list {
		name := ""
		if several && e.Client != "" {
			name = e.Client + " "
		}
		fmt.Fprintf(out, "%s %s%s\n", when(list[0].At, e.At, now), name, e.Sentence(time.Local))
	}
}

// when is a time as people read it: with the day, if what is told began on another day
// than today.
func when(first, at, now time.Time) string {
	if first.Local().Format(time.DateOnly) == now.Local().Format(time.DateOnly) {
		return at.Local().Format(time.TimeOnly)
	}
	return at.Local().Format(time.DateTime)
}

// writePresent says how the sessions are now of which no end is told.
func writePresent(ctx context.Context, out io.Writer, store *session.Store, list []journal.Entry) error {
	for _, id := range open(list) {
		s, err := store.ByID(ctx, id)
		switch {
		case errors.Is(err, session.ErrNotFound):
			fmt.Fprintf(out, "Now session %d is gone; its start was rolled back, its host forgotten, or its end not noted.\n", id)
		case err != nil:
			return err
		default:
			fmt.Fprintf(out, "Now session %d on %s:%d is %s%s.\n", id, s.Host, s.Port, s.State, lastUsed(s))
		}
	}
	return nil
}

func lastUsed(s *session.Session) string {
	if !s.LastUsed.Valid {
		return ""
	}
	return ", last used at " + s.LastUsed.Time.Local().Format(time.DateTime)
}

// maxOpen is how many sessions are looked up at most.
const maxOpen = 20

// open returns the sessions that began and neither ended nor failed, the latest ones.
func open(list []journal.Entry) (ids []int64) {
	over := make(map[int64]bool)
	for i := len(list) - 1; i >= 0 && len(ids) < maxOpen; i-- {
		e := &list[i]
		switch e.What.(type) {
		case journal.Ended, journal.Failed:
			over[e.Session] = true
		case journal.Claimed, journal.Taken, journal.Started, journal.Given:
			if !over[e.Session] {
				over[e.Session] = true
				ids = append([]int64{e.Session}, ids...)
			}
		}
	}
	return ids
}

// unknown says why nothing may be known.
func unknown(ctx context.Context, cfg *config.Config, db *database.DB, about string) error {
	reasons := []string{
		"it is mistyped, or happened less than a second ago",
		fmt.Sprintf("it is in another database than %s", cfg.Database),
		"it was refused before it was known whose it was: for its token, a page that is not there, or because the service had no database yet; that is in the log only",
	}
	oldest, err := journal.Oldest(ctx, db)
	if err != nil {
		return err
	}
	older := "there is nothing in the journal at all: no distributor of this version has worked with this database"
	if !oldest.IsZero() {
		older = fmt.Sprintf("it is older than the journal, which begins at %s (JOURNAL_KEEP=%s)", oldest.Local().Format(time.DateTime), keepText(cfg.JournalKeep))
	}
	reasons = append(reasons, older)
	if cfg.HashClients && strings.ContainsAny(about, ".:") {
		reasons = append(reasons, "with LOG_CLIENTS=hash addresses are not kept: ask by the hash that the log has")
	}
	lost, err := journal.Read(ctx, db, journal.Query{Kind: "lost"})
	if err != nil {
		return err
	}
	for _, e := range lost[max(0, len(lost)-3):] {
		reasons = append(reasons, "at "+e.At.Local().Format(time.DateTime)+" "+strings.TrimSuffix(e.Sentence(time.Local), "."))
	}
	return fmt.Errorf("nothing is known of %s. It may be that\n  - %s", about, strings.Join(reasons, "\n  - "))
}

// keepText is a time as JOURNAL_KEEP has it.
func keepText(d time.Duration) string {
	if day := 24 * time.Hour; d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return d.String()
}
