package main

import (
	"context"
	"strings"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/journal"
)

// noteServing has the journal say that this process serves from now on, and how its
// hosts are.
func (d *distributor) noteServing(ctx context.Context) {
	d.svc.Journal.Add(ctx, journal.Note{What: journal.Serving{
		Version: d.svc.Process.Version,
		Machine: d.svc.Process.Machine,
		Gateway: d.cfg.Gateway.Listen,
	}})
	d.svc.Pool.SetObserver(func(c hosts.StateChange) {
		what := journal.What(journal.HostUp{NoImage: c.State == hosts.NoImage})
		if c.State.IsDown() {
			what = journal.HostDown{Why: strings.TrimPrefix(c.Reason, hosts.ErrUnreachable.Error()+": ")}
		}
		d.svc.Journal.Add(context.Background(), journal.Note{Host: c.Host, What: what})
	})
}

// noteLeaving has the journal say that this process serves no more.
func (d *distributor) noteLeaving(ctx context.Context) {
	d.svc.Journal.Add(ctx, journal.Note{What: journal.Leaving{Machine: d.svc.Process.Machine}})
}
