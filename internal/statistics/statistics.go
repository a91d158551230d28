// Package statistics remembers how full the pool was, minute by minute, in the table of
// the PHP program, whose rows it reads too.
//
// Of several processes the one with the lease writes; that there is one row a minute is
// made sure of where it is inserted. Each row is added to the sums of its hour at once:
// a page about years reads those, and not a million rows. The sums are never the only
// place where something stands: what is missing of them is made up from the rows with the
// next ones, two months with each.
//
// All times are the database's.
package statistics

import (
	"context"
	"log/slog"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/reminder"
	"wrpdistributor/internal/session"
)

const (
	job = "statistics" // under which the lease is stored

	// leaseTerm is after how long others take over from a process that died. It is more
	// than a minute, so that who writes goes on to.
	leaseTerm = 90 * time.Second

	sampleTime = 30 * time.Second // for one row, after which the next is due
)

// A Sample is the pool at one moment.
type Sample struct {
	Sessions   int            // of clients
	Containers int            // that run, for a client or waiting for one
	Remaining  int            // sessions that could still be had
	Hosts      int            // that take sessions, unless they are full
	Clients    int            // addresses that have sessions
	PerHost    map[string]int // sessions of each host that has any
}

// Sessions is what is asked how the pool is. [session.Manager] is one.
type Sessions interface {
	Now(ctx context.Context) (*session.Overview, error)
}

// A Sampler writes a row a minute. All fields are required.
type Sampler struct {
	DB       *database.DB
	Sessions Sessions
	Holder   string // of the lease: this process's id
	Log      *slog.Logger

	trouble reminder.Trouble // rows are not written
	spoilt  reminder.Trouble // rows cannot be read
}

// Run writes a row a minute until ctx is done, unless another process does.
func (s *Sampler) Run(ctx context.Context) error {
	every(ctx, func() { s.logSample(ctx) })
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sampleTime)
	defer cancel()
	if err := s.DB.EndLease(ctx, job, s.Holder); err != nil {
		s.Log.WarnContext(ctx, "end lease failed; no statistics until it expires", "err", err)
	}
	return nil
}

// every calls do once a minute until ctx is done.
func every(ctx context.Context, do func()) {
	for clock.Sleep(ctx, untilDue(time.Now())) == nil {
		do()
	}
}

// untilDue returns how long it is until the middle of a minute: a clock that differs a
// little from the database's, or from that of whoever had the lease before, still hits
// each minute once.
func untilDue(now time.Time) time.Duration {
	due := now.Truncate(time.Minute).Add(time.Minute / 2)
	if !due.After(now) {
		due = due.Add(time.Minute)
	}
	return due.Sub(now)
}

// logSample logs that rows are not written, once an hour, and that they are again.
func (s *Sampler) logSample(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	err := s.Sample(ctx)
	switch {
	case err == nil && s.trouble.Over():
		s.Log.InfoContext(ctx, "statistics are written again")
	case err != nil && ctx.Err() != context.Canceled && s.trouble.Due(err):
		s.Log.WarnContext(ctx, "statistics not written; will retry", "err", err)
	}
}

// Sample writes the row of this minute, unless it is there, or another process has the
// lease.
func (s *Sampler) Sample(ctx context.Context) error {
	got, err := s.DB.Lease(ctx, job, s.Holder, leaseTerm)
	if err != nil || !got {
		return err
	}
	now, err := s.Sessions.Now(ctx)
	if err != nil {
		return err
	}
	clients, err := countClients(ctx, s.DB)
	if err != nil {
		return err
	}
	if err := Write(ctx, s.DB, sample(now, clients)); err != nil {
		return err
	}
	if err := SumUp(ctx, s.DB); err != nil {
		return err
	}
	return s.logSpoilt(ctx)
}

func sample(now *session.Overview, clients int) Sample {
	s := Sample{Sessions: now.Sessions, Containers: now.Containers, Remaining: now.Remaining, Clients: clients, PerHost: now.PerHost}
	for _, st := range now.Hosts {
		if st.State == hosts.Up && st.Drained == nil {
			s.Hosts++
		}
	}
	return s
}
