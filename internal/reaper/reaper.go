// Package reaper ends what nobody uses any more: idle sessions, sessions whose
// containers died, starts and stops that were cut off, and containers that no
// session knows.
//
// One pass looks at the database and at every host and corrects the
// differences. Nothing is kept between passes and each correction is decided in
// the database, so that passes may run at once, and one that dies is made good
// by the next. A host that cannot be asked changes nothing.
package reaper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

// A Store is what the reaper reads. [session.Store] is one.
type Store interface {
	All(ctx context.Context) ([]session.Session, error)
	Idle(ctx context.Context, unused time.Duration) ([]session.Session, error)
	ByID(ctx context.Context, id int64) (*session.Session, error)
}

// A Reaper makes passes. All fields are required.
type Reaper struct {
	Sessions *session.Manager
	Store    Store
	Pool     *hosts.Pool
	Grace    time.Duration // a container without a session is left alone for this long
	Log      *slog.Logger
}

// Options say what a pass does. The zero value repairs and sweeps, but ends no
// session that works.
type Options struct {
	Idle      time.Duration // end sessions unused for this long, in whole seconds; 0: none
	All       bool          // end every session
	NoOrphans bool          // leave containers without a session alone
	DryRun    bool          // change nothing, only say what would be done

	// Progress is told of every session that has been dealt with, if not nil.
	// It may be called by several goroutines at once.
	Progress func(done, total int)
}

// A Report says what a pass did.
type Report struct {
	Sessions int      `json:"sessions"` // were to be ended
	Stopped  int      `json:"ended"`
	Failed   int      `json:"failed"`
	Orphans  int      `json:"orphans"` // containers without a session that were removed
	Planned  []string `json:"planned,omitempty"`
	Problems []string `json:"problems,omitempty"` // a sentence each; none: all went well
}

// Summary is the line that operators' scripts know from the PHP program.
func (r *Report) Summary() string {
	return fmt.Sprintf("Cleanup of %d sessions finished, %d sessions terminated successfully - %d sessions failed to terminate.",
		r.Sessions, r.Stopped, r.Failed)
}

// Run makes a pass every interval until ctx is done, never two at once.
func (r *Reaper) Run(ctx context.Context, every time.Duration, opt Options) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			r.logPass(ctx, opt)
		}
	}
}

func (r *Reaper) logPass(ctx context.Context, opt Options) {
	report, err := r.Reconcile(ctx, opt)
	if err != nil {
		if ctx.Err() == nil {
			r.Log.ErrorContext(ctx, "cleanup could not be made, the next one tries again", "err", err)
		}
		return
	}
	if report.Sessions+report.Orphans+len(report.Problems) > 0 {
		r.Log.InfoContext(ctx, "cleanup", "ended", report.Stopped, "failed", report.Failed, "orphans", report.Orphans, "problems", report.Problems)
	}
}

// Reconcile corrects all differences once. What could not be corrected is in the
// report; an error means that the pass could not be made at all.
func (r *Reaper) Reconcile(ctx context.Context, opt Options) (*Report, error) {
	p := &pass{Reaper: r, opt: opt, report: &Report{}, reachable: make(map[string]bool)}
	// Containers are listed before the rows are read: one that is created in
	// between has a row by then, not the other way round.
	containers := p.survey(ctx)
	rows, err := r.Store.All(ctx)
	if err != nil {
		return nil, err
	}
	idle := make(map[int64]bool)
	if opt.Idle > 0 {
		list, err := r.Store.Idle(ctx, opt.Idle)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			idle[s.ID] = true
		}
	}
	p.sessions(ctx, rows, idle)
	if !opt.NoOrphans {
		p.orphans(ctx, rows, containers)
	}
	return p.report, ctx.Err()
}

// pendingPause is how often a start that is being given up is looked at.
const pendingPause = 200 * time.Millisecond

// StopNow ends a session on purpose. One that is starting just now is marked and
// waited for: its starter ends it, or its time running out does.
func (r *Reaper) StopNow(ctx context.Context, s *session.Session) error {
	for {
		ended, err := r.Sessions.StopSession(ctx, s)
		if ended || (err != nil && !errors.Is(err, session.ErrPending)) {
			return err
		}
		if err := clock.Sleep(ctx, pendingPause); err != nil {
			return err
		}
		s, err = r.Store.ByID(ctx, s.ID)
		if errors.Is(err, session.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
