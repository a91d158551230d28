// Package reaper stops idle sessions and reconciles the database with the hosts:
// sessions whose containers died, starts and stops that were cut off, and
// containers that no session knows.
//
// A pass lists the containers of every host, reads all rows, and decides for each
// what to do about it, if anything. What is decided is checked once more when it
// is carried out: by an UPDATE that names the state it expects, or by inspecting
// the container. So passes may run at once, and since nothing is kept between
// them, one that dies is made good by the next. A host that cannot be asked
// changes nothing.
package reaper

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"wrpdistributor/internal/clock"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/reminder"
	"wrpdistributor/internal/session"
)

// Sessions is what the reaper does to sessions. [session.Manager] is one.
type Sessions interface {
	Inspect(ctx context.Context, s *session.Session) (hosts.Container, error)
	Repair(ctx context.Context, s *session.Session) (stopped bool, err error)
	StopIdle(ctx context.Context, s *session.Session, unused time.Duration) (stopped bool, err error)
	StopOld(ctx context.Context, s *session.Session, age time.Duration) (stopped bool, err error)
	StopSession(ctx context.Context, s *session.Session) (stopped bool, err error)
}

// A Store is what the reaper reads. [session.Store] is one.
type Store interface {
	All(ctx context.Context) ([]session.Session, error)
	Idle(ctx context.Context, unused time.Duration) ([]session.Session, error)
	Old(ctx context.Context, age time.Duration) ([]session.Session, error)
	ByID(ctx context.Context, id int64) (*session.Session, error)
	Recount(ctx context.Context) error
}

// A Reaper makes passes. All fields are required, but for the last ones.
type Reaper struct {
	Sessions Sessions
	Store    Store
	Pool     *hosts.Pool
	Grace    time.Duration // a container without a session is left alone for this long
	Log      *slog.Logger

	// Prune removes what is too old of what is only remembered, with each pass.
	Prune func(ctx context.Context) error

	// Passed is told that a pass over all hosts has ended, with problems or without; nil:
	// nobody is.
	Passed func(ctx context.Context) error

	// ClientName names the client of a session in reports; nil: by its own name.
	ClientName func(*session.Session) string

	// IsLeaving reports whether another process sees off a host that is not configured
	// here: its sessions are that one's, and no problem; nil: none does.
	IsLeaving func(ctx context.Context, host string) bool

	passes passes // over all hosts
}

// Options say what a pass does. The zero value repairs sessions and removes
// orphans, but stops no session that works.
type Options struct {
	Idle      time.Duration // stop sessions unused for this long, in whole seconds; 0: none
	MaxAge    time.Duration // stop sessions that began so long ago, though they are used; 0: none
	All       bool          // stop every session
	NoOrphans bool          // leave containers without a session alone
	DryRun    bool          // change nothing, only say what would be done
	Hosts     []string      // only sessions and containers there; nil: on all

	// Progress is told of every session that has been dealt with, if not nil.
	// It may be called by several goroutines at once.
	Progress func(done, total int)
}

// Run makes a pass every interval until ctx is done, never two at once.
func (r *Reaper) Run(ctx context.Context, every time.Duration, opt Options) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var trouble reminder.Trouble
	r.Repeats(every)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			r.LogPass(ctx, opt, &trouble)
		}
	}
}

// LogPass makes a pass, and logs what it did. Problems that last, as trouble knows, are no
// news.
func (r *Reaper) LogPass(ctx context.Context, opt Options, trouble *reminder.Trouble) {
	report, err := r.Reconcile(ctx, opt)
	if err != nil {
		if ctx.Err() == nil && trouble.Due(err) {
			r.Log.ErrorContext(ctx, "cleanup pass failed; will retry", "err", err)
		}
		return
	}
	if report.IsNews(trouble) {
		r.Log.InfoContext(ctx, "cleanup pass done", "stopped", report.Stopped, "failed", report.Failed, "orphans", report.Orphans, "problems", report.Problems)
	}
}

// Reconcile corrects all differences once. What could not be corrected is in the
// report; an error means that the pass could not be made at all.
func (r *Reaper) Reconcile(ctx context.Context, opt Options) (*Report, error) {
	began := time.Now()
	p := newPass(r, opt)
	err := p.run(ctx)
	if opt.DryRun || opt.Hosts != nil {
		return p.result(err)
	}
	if err == nil && r.Passed != nil {
		if err := r.Passed(ctx); err != nil {
			p.problem("The others cannot be told of this pass: %v.", err)
		}
	}
	r.passes.done(began, &p.report, err)
	return p.result(err)
}

func (p *pass) result(err error) (*Report, error) {
	if err != nil {
		return nil, err
	}
	return &p.report, nil
}

// run makes the pass.
func (p *pass) run(ctx context.Context) error {
	// Containers are listed before the rows are read: one that is created in
	// between has a row by then, not the other way round.
	p.survey(ctx)
	rows, err := p.rows(ctx)
	if err != nil {
		return err
	}
	p.recount(ctx)
	p.prune(ctx)
	p.sessions(ctx, rows)
	if !p.opt.NoOrphans {
		p.orphans(ctx, rows)
	}
	return ctx.Err()
}

// pendingPause is how often a start that is to be rolled back is looked at.
const pendingPause = 200 * time.Millisecond

// StopNow stops a session whoever uses it, and returns when its container is
// removed. While the container may still be about to be created, that takes until
// whoever starts it rolls back, or until the start timeout has passed.
func (r *Reaper) StopNow(ctx context.Context, s *session.Session) error {
	for {
		stopped, err := r.Sessions.StopSession(ctx, s)
		if stopped || (err != nil && !errors.Is(err, session.ErrPending)) {
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
