package reaper

import (
	"context"
	"sync"

	"wrpdistributor/internal/hosts"
)

// A claim is what a row and its container have in common.
type claim struct {
	session int64
	nonce   string
}

// orphans removes our containers that no row knows.
func (p *pass) orphans(ctx context.Context, rows []row) {
	// By claim, not by id: in a database restored from a backup ids come again.
	known := make(map[claim]bool)
	for _, r := range rows {
		known[claim{r.ID, r.Nonce}] = true
	}
	var wg sync.WaitGroup
	for host, l := range p.listings {
		wg.Go(func() { p.orphansOn(ctx, host, l, known) })
	}
	wg.Wait()
}

// mostNamed is how many containers of one host are named that could not be removed. A host
// that somebody has taken over may show a hundred thousand, in each pass.
const mostNamed = 10

func (p *pass) orphansOn(ctx context.Context, host string, l listing, known map[claim]bool) {
	failed := 0
	for _, c := range l.containers {
		age := l.now.Sub(c.Created).Abs() // from the future, if a clock was ahead and set right since
		if known[claim{c.Session, c.Nonce}] || age <= p.Grace {
			continue
		}
		err := p.orphan(ctx, host, c)
		if err == nil {
			continue
		}
		if failed++; failed <= mostNamed {
			p.problem("Container %s on %s, which no session knows, could not be removed: %v.", c.Name, host, err)
		}
	}
	if failed > mostNamed {
		p.problem("Of the containers on %s that no session knows, %d more could not be removed.", host, failed-mostNamed)
	}
}

func (p *pass) orphan(ctx context.Context, host string, c *hosts.Container) error {
	if p.opt.DryRun {
		p.plan("would remove container %s on %s, which no session knows", c.Name, host)
		return nil
	}
	err := p.inTime(ctx, host, func(ctx context.Context) error {
		return p.Pool.Remove(ctx, hosts.Ref{Host: host, ID: c.ID, Name: c.Name})
	})
	if err == nil {
		p.orphanRemoved()
	}
	return err
}
