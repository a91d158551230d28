package reaper

import (
	"context"
	"strings"
	"sync"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

// A listing is what a host says it has.
type listing struct {
	containers map[string]*hosts.Container // of ours, by id
	now        time.Time                   // by the host's clock
}

// finding returns what the listing says of a session's container.
func (l listing) finding(s *session.Session) finding {
	c, ok := l.containers[s.ContainerID]
	if !ok {
		return finding{}
	}
	return finding{running: c.Running, paused: c.Paused}
}

// survey asks every host for its containers, all at once.
func (p *pass) survey(ctx context.Context) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, h := range p.Pool.Hosts() {
		if !p.opt.isAbout(h.Name) {
			continue
		}
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, hostTime)
			defer cancel()
			list, now, err := p.Pool.List(ctx, h.Name)
			if err != nil {
				why := hosts.Cause(strings.TrimPrefix(err.Error(), "list containers on "+h.Name+": ")) // the sentence says it
				p.problem("Host %s could not be asked, its sessions and containers are left as they are: %s.", h.Name, why)
				return
			}
			l := listing{make(map[string]*hosts.Container, len(list)), now}
			for i, c := range list {
				l.containers[c.ID] = &list[i]
			}
			mu.Lock()
			defer mu.Unlock()
			p.listings[h.Name] = l
		})
	}
	wg.Wait()
}
