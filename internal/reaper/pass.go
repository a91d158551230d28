package reaper

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

const (
	perHost = 4 // sessions of one host that are dealt with at once

	// atOnce is the same of all hosts. The hosts take their time for each, the database
	// has one for a moment; but what waits for the database needs memory too.
	atOnce = 256

	// hostTime is how long a pass waits for one host. While other traffic keeps the link to
	// it busy no other limit counts, and all other hosts would wait for their next pass.
	hostTime = 30 * time.Second

	// wholeTime is how long a pass goes on to ask hosts for anything. One that has each
	// question take just under hostTime would keep all others from their next pass.
	wholeTime = 10 * time.Minute
)

// A pass compares database and hosts once.
type pass struct {
	*Reaper
	*recorder
	opt      Options
	listings map[string]listing // by host; those that could not be asked have none
	places   chan struct{}      // for sessions that are dealt with
	done     atomic.Int64       // rows dealt with
	late     sync.Map           // hosts that were waited for in vain
	began    time.Time
}

func newPass(r *Reaper, opt Options) *pass {
	return &pass{Reaper: r, recorder: &recorder{}, opt: opt, listings: make(map[string]listing), places: make(chan struct{}, atOnce), began: time.Now()}
}

// rows returns all sessions, and which of them are idle, or too old.
func (p *pass) rows(ctx context.Context) ([]row, error) {
	all, err := p.Store.All(ctx)
	if err != nil {
		return nil, err
	}
	idle, err := ids(ctx, p.Store.Idle, p.opt.Idle)
	if err != nil {
		return nil, err
	}
	old, err := ids(ctx, p.Store.Old, p.opt.MaxAge)
	if err != nil {
		return nil, err
	}
	rows := make([]row, len(all))
	for i := range all {
		id := all[i].ID
		rows[i] = row{Session: &all[i], idle: idle[id], old: old[id]}
	}
	return rows, nil
}

// ids returns which sessions are past a limit; 0: none are.
func ids(ctx context.Context, past func(context.Context, time.Duration) ([]session.Session, error), limit time.Duration) (map[int64]bool, error) {
	if limit == 0 {
		return nil, nil
	}
	list, err := past(ctx, limit)
	m := make(map[int64]bool, len(list))
	for _, s := range list {
		m[s.ID] = true
	}
	return m, err
}

// isAbout reports whether a pass looks at a host.
func (o *Options) isAbout(host string) bool { return o.Hosts == nil || slices.Contains(o.Hosts, host) }

// recount corrects what is counted without looking at rows.
func (p *pass) recount(ctx context.Context) {
	if p.opt.DryRun {
		return
	}
	if err := p.Store.Recount(ctx); err != nil {
		p.problem("The counters of the hosts could not be corrected: %v.", err)
	}
}

// prune removes what is too old.
func (p *pass) prune(ctx context.Context) {
	if p.opt.DryRun || p.Prune == nil {
		return
	}
	if err := p.Prune(ctx); err != nil {
		p.problem("Old entries of the journal, the statistics and the endings could not be removed: %v.", err)
	}
}

// sessions deals with every row, on all hosts at once.
func (p *pass) sessions(ctx context.Context, rows []row) {
	byHost := make(map[string][]row)
	for _, r := range rows {
		if p.opt.isAbout(r.Host) {
			byHost[r.Host] = append(byHost[r.Host], r)
		}
	}
	var wg sync.WaitGroup
	for _, host := range slices.Sorted(maps.Keys(byHost)) {
		list := byHost[host]
		if _, err := p.Pool.Host(host); err != nil {
			if p.IsLeaving != nil && p.IsLeaving(ctx, host) {
				continue
			}
			p.problem("Host %q has %s but is not among the configured hosts (CONTAINER_HOSTS, HOSTS_FILE). Put it back, or give them up with: cleanup --forget-host %s.", host, count(list), host)
			continue
		}
		wg.Go(func() { p.sessionsOn(ctx, list, len(rows)) })
	}
	wg.Wait()
}

// count says how many sessions there are, and warm containers, if any.
func count(rows []row) string {
	warm := 0
	for _, r := range rows {
		if r.ClientIP == "" {
			warm++
		}
	}
	text := fmt.Sprintf("%d sessions", len(rows)-warm)
	if warm > 0 {
		text += fmt.Sprintf(" and %d warm containers", warm)
	}
	return text
}

// sessionsOn deals with the rows of one host, a few at a time.
func (p *pass) sessionsOn(ctx context.Context, rows []row, total int) {
	var g errgroup.Group
	g.SetLimit(perHost)
	for _, r := range rows {
		g.Go(func() error {
			p.places <- struct{}{}
			p.session(ctx, r)
			<-p.places
			if done := p.done.Add(1); p.opt.Progress != nil {
				p.opt.Progress(int(done), total)
			}
			return nil
		})
	}
	_ = g.Wait() // its functions return no errors
}

// session decides about one session, and does it or, in a dry run, notes it.
func (p *pass) session(ctx context.Context, r row) {
	l, reachable := p.listings[r.Host]
	if !reachable {
		if r.idle || r.old || p.opt.All {
			p.outcome(r.Session, false, fmt.Errorf("%w: %s", hosts.ErrUnreachable, r.Host))
		}
		return
	}
	a, err := p.decide(ctx, r, l.finding(r.Session))
	switch {
	case err != nil:
		p.outcome(r.Session, false, err)
	case a == leave:
	case p.opt.DryRun:
		p.planAction(a, r.Session)
	default:
		stopped, err := p.carryOut(ctx, r.Session, a)
		p.outcome(r.Session, stopped, err)
		if stopped && err == nil {
			p.ending(a, r.Session, p.clientName(r.Session))
		}
	}
}

func (p *pass) clientName(s *session.Session) string {
	if p.ClientName != nil {
		return p.ClientName(s)
	}
	return s.ClientName()
}

// decide says what to do about a session, and inspects its container if a listing
// is not enough to know.
func (p *pass) decide(ctx context.Context, r row, f finding) (action, error) {
	a := decide(r, f, p.opt)
	if a != inspect {
		return a, nil
	}
	var c hosts.Container
	err := p.inTime(ctx, r.Host, func(ctx context.Context) (err error) {
		c, err = p.Sessions.Inspect(ctx, r.Session)
		return err
	})
	gone := errors.Is(err, hosts.ErrGone)
	if err != nil && !gone {
		return leave, err
	}
	return decide(r, finding{running: !gone, paused: c.Paused, inspected: true}, p.opt), nil
}

// carryOut does what was decided, if that is still right: much may have happened
// since, and the database has the last word. It reports whether the session was
// stopped.
func (p *pass) carryOut(ctx context.Context, s *session.Session, a action) (stopped bool, err error) {
	if a == stop {
		return true, p.StopNow(ctx, s)
	}
	err = p.inTime(ctx, s.Host, func(ctx context.Context) (err error) {
		switch a {
		case stopIdle:
			stopped, err = p.Sessions.StopIdle(ctx, s, p.opt.Idle)
		case stopOld:
			stopped, err = p.Sessions.StopOld(ctx, s, p.opt.MaxAge)
		default:
			stopped, err = p.Sessions.Repair(ctx, s)
		}
		return err
	})
	return stopped, err
}

// inTime does what a host has to do its part for, unless that was late before.
func (p *pass) inTime(ctx context.Context, host string, do func(context.Context) error) error {
	if _, late := p.late.Load(host); late {
		return fmt.Errorf("%w: it was waited for in vain just now: %s", hosts.ErrUnreachable, host)
	}
	if time.Since(p.began) > wholeTime {
		return fmt.Errorf("%w: this is left to the next pass, since this one took long: %s", hosts.ErrUnreachable, host)
	}
	limited, cancel := context.WithTimeout(ctx, hostTime)
	defer cancel()
	err := do(limited)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		p.late.Store(host, true)
	}
	return err
}
