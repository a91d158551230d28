package reaper

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

// perHost is how many sessions of one host are dealt with at once.
const perHost = 4

// A pass is one look at the world.
type pass struct {
	*Reaper
	opt       Options
	reachable map[string]bool

	mu     sync.Mutex
	report *Report
	done   int
}

func (p *pass) problem(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report.Problems = append(p.report.Problems, fmt.Sprintf(format, args...))
}

func (p *pass) plan(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report.Planned = append(p.report.Planned, fmt.Sprintf(format, args...))
}

// A listing is what a host says it has.
type listing struct {
	containers []hosts.Found
	now        time.Time
}

// survey asks every host for its containers, all at once.
func (p *pass) survey(ctx context.Context) map[string]listing {
	listings := make(map[string]listing)
	var wg sync.WaitGroup
	for _, h := range p.Pool.Hosts() {
		wg.Go(func() {
			list, now, err := p.Pool.List(ctx, h.Name)
			if err != nil {
				p.problem("Host %s could not be asked, its sessions and containers are left as they are: %v.", h.Name, err)
				return
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			listings[h.Name], p.reachable[h.Name] = listing{list, now}, true
		})
	}
	wg.Wait()
	return listings
}

// sessions deals with every row: hosts at once, a few sessions at a time on each.
func (p *pass) sessions(ctx context.Context, rows []session.Session, idle map[int64]bool) {
	byHost := make(map[string][]*session.Session)
	for i := range rows {
		byHost[rows[i].Host] = append(byHost[rows[i].Host], &rows[i])
	}
	var wg sync.WaitGroup
	for _, host := range slices.Sorted(maps.Keys(byHost)) {
		list := byHost[host]
		if _, err := p.Pool.Host(host); err != nil {
			p.problem("Host %q has %d sessions but is not in CONTAINER_HOSTS. Put it back, or give them up with: cleanup --forget-host %s.", host, len(list), host)
			continue
		}
		wg.Go(func() {
			var g errgroup.Group
			g.SetLimit(perHost)
			for _, s := range list {
				g.Go(func() error {
					p.session(ctx, s, idle[s.ID])
					p.progress(len(rows))
					return nil
				})
			}
			_ = g.Wait() // its functions return no errors
		})
	}
	wg.Wait()
}

func (p *pass) progress(total int) {
	if p.opt.Progress == nil {
		return
	}
	p.mu.Lock()
	p.done++
	done := p.done
	p.mu.Unlock()
	p.opt.Progress(done, total)
}

func (p *pass) session(ctx context.Context, s *session.Session, idle bool) {
	due := idle || p.opt.All
	if !p.reachable[s.Host] {
		if due {
			p.count(s, false, fmt.Errorf("%w: %s", hosts.ErrUnreachable, s.Host))
		}
		return
	}
	if p.opt.DryRun {
		if due || s.State == session.Stopping || (s.State != session.Running && s.Overdue) {
			p.plan("would end session %d on %s:%d, %s since %s", s.ID, s.Host, s.Port, s.State, s.Started.Format(time.DateTime))
		}
		return
	}
	var ended bool
	var err error
	switch {
	case p.opt.All:
		ended, err = true, p.StopNow(ctx, s)
	case idle:
		ended, err = p.Sessions.StopIdle(ctx, s, p.opt.Idle)
	default:
		ended, err = p.Sessions.Repair(ctx, s)
	}
	p.count(s, ended, err)
}

// count adds a session to the report, if it was ended or should have been.
func (p *pass) count(s *session.Session, ended bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil && ended:
		p.report.Stopped++
	case err == nil || errors.Is(err, session.ErrPending):
		return
	default:
		p.report.Failed++
		p.report.Problems = append(p.report.Problems, fmt.Sprintf("Session %d on %s:%d could not be ended: %v.", s.ID, s.Host, s.Port, err))
	}
	p.report.Sessions++
}

// orphans removes our containers that no row knows.
func (p *pass) orphans(ctx context.Context, rows []session.Session, found map[string]listing) {
	known := make(map[int64]bool)
	for _, s := range rows {
		known[s.ID] = true
	}
	var wg sync.WaitGroup
	for host, l := range found {
		wg.Go(func() {
			for _, c := range l.containers {
				if !known[c.Session] && l.now.Sub(c.Created) > p.Grace {
					p.orphan(ctx, host, c)
				}
			}
		})
	}
	wg.Wait()
}

func (p *pass) orphan(ctx context.Context, host string, c hosts.Found) {
	if p.opt.DryRun {
		p.plan("would remove container %s on %s, which no session knows", c.Name, host)
		return
	}
	if err := p.Pool.Remove(ctx, hosts.Ref{Host: host, ID: c.ID, Name: c.Name}); err != nil {
		p.problem("Container %s on %s, which no session knows, could not be removed: %v.", c.Name, host, err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report.Orphans++
}
