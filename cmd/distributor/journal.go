package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/reminder"
)

const followPause = 500 * time.Millisecond

// wanted is what the flags of the journal's command say.
type wanted struct {
	since  ago
	host   string
	kind   string
	follow bool
	json   bool
}

func journalCommand(opt *options) *cobra.Command {
	w := &wanted{since: ago(24 * time.Hour)}
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Tell what happened lately, to all sessions and hosts",
		Long: `Tell what happened to sessions and hosts, oldest first, in the time zone of this
machine: at most the latest thousand entries. Each line has the client, as the log names
it, and the request in brackets. For one request, session or client see "distributor why".

` + askedWhere + `

Exit status: 0 told, also if that is nothing; 1 the database does not answer, or there
is no such host, 2 wrong usage or settings.`,
		Example: `  distributor journal --since 1h --host a.example
  distributor journal --since 7d --kind refused
  distributor journal --follow --json`,
		Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			if w.kind != "" && !slices.Contains(journal.Kinds(), w.kind) {
				return cli.Usage(fmt.Errorf("--kind %q: want one of %s", w.kind, strings.Join(journal.Kinds(), ", ")))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return tellJournal(cmd, opt, w) },
	}
	f := cmd.Flags()
	f.Var(&w.since, "since", "what happened in this `time`, like 1h or 7d")
	f.StringVar(&w.host, "host", "", "what happened on one `host`")
	f.StringVar(&w.kind, "kind", "", "entries of one `kind`: "+strings.Join(journal.Kinds(), ", "))
	f.BoolVar(&w.follow, "follow", false, "stay, and tell what happens until interrupted")
	f.BoolVar(&w.json, "json", false, jsonUsage+operator.JournalPath+"; with --follow an entry a line")
	return cmd
}

// reader returns what asks for entries of which the earliest happened so long before now.
func (w *wanted) reader(a *asker) func(ctx context.Context, after int64) ([]journal.Entry, error) {
	began := time.Now().Add(-time.Duration(w.since))
	return func(ctx context.Context, after int64) ([]journal.Entry, error) {
		query := url.Values{"since": {time.Since(began).String()}}
		if after > 0 {
			query.Set("after", strconv.FormatInt(after, 10))
		}
		if w.host != "" {
			query.Set("host", w.host)
		}
		if w.kind != "" {
			query.Set("kind", w.kind)
		}
		var told journal.Entries
		err := a.ask(ctx, operator.Call{Path: operator.JournalPath, Query: query}, &told)
		return told.Entries, err
	}
}

func tellJournal(cmd *cobra.Command, opt *options, w *wanted) error {
	a, out := newAsker(cmd, opt, w.json, byDatabase), cmd.OutOrStdout()
	defer a.close()
	f := journal.Follow(w.reader(a))
	list, err := f.Next(cmd.Context())
	if err != nil {
		return err
	}
	if len(list) == 0 {
		if err := a.knowsHost(cmd.Context(), w.host); err != nil {
			return err
		}
	}
	if w.json && !w.follow {
		return json.NewEncoder(out).Encode(journal.Entries{Entries: append([]journal.Entry{}, list...)})
	}
	if len(list) == 0 && !w.follow {
		fmt.Fprintf(cmd.ErrOrStderr(), "Nothing happened in the last %s that is wanted.\n", w.since.words())
	}
	if err := writeEntries(out, list, w.json); err != nil || !w.follow {
		return err
	}
	return follow(cmd, f, w.json)
}

// follow tells what happens until the command's context is done. A database that is away,
// and a distributor that is, are waited for.
func follow(cmd *cobra.Command, f *journal.Follower, asJSON bool) error {
	ctx := cmd.Context()
	var trouble reminder.Trouble
	for clock.Sleep(ctx, followPause) == nil {
		list, err := f.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			trouble.Over()
		case !isAway(err):
			return err
		case trouble.Due(err):
			fmt.Fprintf(cmd.ErrOrStderr(), "distributor: %v; it goes on when the database answers\n", err)
		}
		if err := writeEntries(cmd.OutOrStdout(), list, asJSON); err != nil {
			return err
		}
	}
	return nil
}

// isAway reports whether what was asked may be there again later.
func isAway(err error) bool {
	p, ok := errors.AsType[*operator.Problem](err)
	return ok && p.Name() == "unavailable" || errors.Is(err, operator.ErrNobody)
}

func writeEntries(out io.Writer, list []journal.Entry, asJSON bool) error {
	lines := json.NewEncoder(out)
	for _, e := range list {
		if asJSON {
			if err := lines.Encode(e); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintln(out, line(&e)); err != nil {
			return err
		}
	}
	return nil
}

func line(e *journal.Entry) string {
	parts := []string{e.At.Local().Format(time.DateTime)}
	if e.Client != "" {
		parts = append(parts, e.Client)
	}
	parts = append(parts, e.Sentence(time.Local))
	if e.Request != "" {
		parts = append(parts, "["+e.Request+"]")
	}
	return strings.Join(parts, " ")
}

// ago is a flag: a time that may be one of days.
type ago time.Duration

// String implements [pflag.Value].
func (a *ago) String() string {
	if *a == 0 {
		return "" // as a default
	}
	return keepText(time.Duration(*a))
}

// words is the time as it stands behind "the last".
func (a *ago) words() string {
	d := time.Duration(*a)
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		switch n := d / unit.length; {
		case d == unit.length:
			return unit.name
		case n > 0 && d%unit.length == 0:
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return d.String()
}

// Type implements [pflag.Value].
func (a *ago) Type() string { return "time" }

// Set implements [pflag.Value].
func (a *ago) Set(text string) error {
	d, err := time.ParseDuration(text)
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(min(n, 36500)) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return errors.New("want a time with its unit, such as 30m, 1h or 7d")
	}
	*a = ago(d)
	return nil
}
