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
		wg.Go(func() {
			for _, c := range l.containers {
				if !known[claim{c.Session, c.Nonce}] && l.now.Sub(c.Created) > p.Grace {
					p.orphan(ctx, host, c)
				}
			}
		})
	}
	wg.Wait()
}

func (p *pass) orphan(ctx context.Context, host string, c *hosts.Container) {
	if p.opt.DryRun {
		p.plan("would remove container %s on %s, which no session knows", c.Name, host)
		return
	}
	err := p.inTime(ctx, host, func(ctx context.Context) error {
		return p.Pool.Remove(ctx, hosts.Ref{Host: host, ID: c.ID, Name: c.Name})
	})
	if err != nil {
		p.problem("Container %s on %s, which no session knows, could not be removed: %v.", c.Name, host, err)
		return
	}
	p.orphanRemoved()
}
