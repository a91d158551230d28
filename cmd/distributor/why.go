package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"wrpdistributor/internal/cli"
	"wrpdistributor/internal/journal"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/service"
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
as the log has it, or the hash alone; or an account, with a device or without. Any
host's name is for "distributor journal".

` + askedWhere + ` What happened is there within a second, and for as long
as JOURNAL_KEEP says.

Exit status: 0 something is told, 1 nothing is known of it (and what may be the reason),
or the database does not answer, 2 wrong usage or settings.`,
		Example: `  distributor why K7QX2MBD4T              the request of an error page
  distributor why 1742                    a session
  distributor why 192.0.2.1               all clients at an address
  distributor why 192.0.2.1#1a2b3c4d      one of them, as the log names it
  distributor why anna/second             a device of an account; anna: all of them
  distributor why 1a2b3c4d --json         the same for programs`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("want one request, session or client, such as: distributor why K7QX2MBD4T")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return tellWhy(cmd, opt, args[0], asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, jsonUsage+operator.JournalPath)
	return cmd
}

func tellWhy(cmd *cobra.Command, opt *options, about string, asJSON bool) error {
	if err := journal.CheckForm(about); err != nil {
		return cli.Usage(fmt.Errorf("%q: %w", about, err))
	}
	a, out := newAsker(cmd, opt, asJSON, byDatabase), cmd.OutOrStdout()
	defer a.close()
	var told journal.Entries
	err := a.ask(cmd.Context(), operator.Call{Path: operator.JournalPath, Query: url.Values{"about": {about}}}, &told)
	switch {
	case err != nil:
		return err
	case len(told.Entries) == 0:
		return unknown(cmd.Context(), a, about, told.Begins)
	case asJSON:
		return json.NewEncoder(out).Encode(told)
	}
	writeTale(out, told.Entries, time.Now())
	return writePresent(cmd.Context(), out, a, told.Entries)
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
func writePresent(ctx context.Context, out io.Writer, a *asker, list []journal.Entry) error {
	ids := open(list)
	if len(ids) == 0 {
		return nil
	}
	var now operator.SessionList
	if err := a.ask(ctx, operator.Call{Path: operator.SessionsPath}, &now); err != nil {
		return err
	}
	for _, id := range ids {
		i := slices.IndexFunc(now.Sessions, func(s operator.Session) bool { return s.ID == id })
		if i < 0 {
			fmt.Fprintf(out, "Now session %d is gone; its start was rolled back, its host forgotten, or its end not noted.\n", id)
			continue
		}
		s := now.Sessions[i]
		fmt.Fprintf(out, "Now session %d on %s:%d is %s%s.\n", id, s.Host, s.Port, s.State, lastUsed(s))
	}
	return nil
}

func lastUsed(s operator.Session) string {
	if s.LastUsed.IsZero() {
		return ""
	}
	return ", last used at " + s.LastUsed.Local().Format(time.DateTime)
}

// everything is a time as long as the journal may be.
const everything = "87600h"

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
func unknown(ctx context.Context, a *asker, about string, begins time.Time) error {
	reasons := []string{
		"it is mistyped, or happened less than a second ago at another distributor",
		"it was refused before it was known whose it was: for its token, a page that is not there, or because the service had no database yet; that is in the log only, under this id",
		"it was an operator's, such as a command's in an outage: that is in the log only, under this id",
	}
	older := "there is nothing in the journal at all: no distributor of this version has worked with this database"
	if !begins.IsZero() {
		older = fmt.Sprintf("it is older than the journal, which begins at %s", begins.Local().Format(time.DateTime))
	}
	// Settings that are wrong are nothing that this was about.
	if cfg, err := service.LoadRunning(a.opt.envFile, service.Environment(ctx, a.opt.envFile)); err == nil {
		older += fmt.Sprintf(" (JOURNAL_KEEP=%s)", keepText(cfg.JournalKeep))
		reasons = slices.Insert(reasons, 1, fmt.Sprintf("it is in another database than %s", cfg.Database))
		if cfg.HashClients && strings.ContainsAny(about, ".:") {
			reasons = append(reasons, "with LOG_CLIENTS=hash addresses are not kept: ask by the hash that the log has")
		}
	}
	if names, err := a.hostNames(ctx); err == nil && slices.ContainsFunc(names, func(host string) bool { return isHost(host, about) }) {
		reasons = slices.Insert(reasons, 0, "a host is meant: distributor journal --host "+about)
	}
	lost, err := a.lost(ctx)
	reasons = append(append(reasons, older), lost...)
	if err != nil {
		return err
	}
	return fmt.Errorf("nothing is known of %s. It may be that\n  - %s", about, strings.Join(reasons, "\n  - "))
}

// lost tells of the latest entries that were not written.
func (a *asker) lost(ctx context.Context) (lines []string, err error) {
	var told journal.Entries
	err = a.ask(ctx, operator.Call{Path: operator.JournalPath, Query: url.Values{"kind": {"lost"}, "since": {everything}}}, &told)
	for _, e := range told.Entries[max(0, len(told.Entries)-3):] {
		lines = append(lines, "at "+e.At.Local().Format(time.DateTime)+" "+strings.TrimSuffix(e.Sentence(time.Local), "."))
	}
	return lines, err
}

// keepText is a time as JOURNAL_KEEP has it.
func keepText(d time.Duration) string {
	if day := 24 * time.Hour; d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return d.String()
}
