package session

import (
	"context"
	"fmt"

	"wrpdistributor/internal/hosts"
)

// A room is what is known of one host while claims are placed.
type room struct {
	taken   int        // rows: as many as the counter says, unless exact
	waiting int        // of these, of containers that wait for a client
	chosen  int        // claims of the batch that are to go there
	counted bool       // there is a counter
	exact   bool       // the rows were counted
	wrong   bool       // the counter is wrong
	on      *occupancy // nil: the rows were not read
}

// A placement is where a claim goes, or why nowhere.
type placement struct {
	at      place
	limit   int             // slots of the host
	sure    bool            // the host was chosen by its rows, not only by its counter
	without map[string]bool // hosts whose ports foreign processes hold
	refused error
}

func (b *batch) room(host string) *room {
	r := b.rooms[host]
	if r == nil {
		r = &room{}
		b.rooms[host] = r
	}
	return r
}

// slots is how many are taken, or will be.
func (r *room) slots() int { return r.taken + r.chosen }

// setTaken replaces what the counter says by what the rows say.
func (r *room) setTaken(rows int) {
	r.wrong = r.wrong || !r.exact && rows != r.taken
	r.taken, r.exact = rows, true
}

// choose asks the strategy for a host. The counters may be wrong, so the rows are
// counted before a claim is refused, if they were not just now.
func (b *batch) choose(ctx context.Context, p *pendingClaim) error {
	if p.client == nil && p.alike(b.waiting) >= p.enough {
		p.refused = errEnough
		return nil
	}
	for {
		loads := b.loads(p)
		if i, ok := p.strategy(loads); ok {
			b.put(p, loads[i])
			return nil
		}
		if !b.mayRecount || b.recounted {
			p.refused = b.full(p)
			return nil
		}
		if err := b.recount(ctx); err != nil {
			return err
		}
	}
}

// loads returns the hosts that may have room for a claim. What waits for clients takes
// slots, but does not count as load.
func (b *batch) loads(p *pendingClaim) []hosts.Load {
	list := make([]hosts.Load, 0, len(p.hosts))
	for _, h := range p.hosts {
		_, isDrained := b.drained[h.Host]
		r := b.room(h.Host)
		if isDrained || r.slots() >= h.Max || p.without[h.Host] {
			continue
		}
		h.Used, h.Waiting = r.slots()-r.waiting, r.waiting
		list = append(list, h)
	}
	return list
}

// full says why no host has room for a claim.
func (b *batch) full(p *pendingClaim) *FullError {
	full := &FullError{}
	for _, h := range p.hosts {
		h.Used = b.room(h.Host).slots()
		why := occupied(h, b.drained)
		_, drained := b.drained[h.Host]
		if why == "" {
			why = "foreign processes hold all its ports"
		}
		full.Reasons = append(full.Reasons, Reason{Host: h.Host, Why: why, full: !drained})
	}
	return full
}

func (b *batch) put(p *pendingClaim, h hosts.Load) {
	r := b.room(h.Host)
	r.chosen++
	p.at, p.limit, p.sure = place{Host: h.Host}, h.Max, r.exact
	if p.client == nil {
		r.waiting++
		b.waiting[kind{h.Host, p.tls, p.gateway}]++
	}
}

func (b *batch) takeBack(p *pendingClaim) {
	r := b.room(p.at.Host)
	r.chosen--
	if p.client == nil {
		r.waiting--
		b.waiting[kind{p.at.Host, p.tls, p.gateway}]--
	}
}

// settle gives a claim its slot and port. It chooses anew if the host was chosen by a
// wrong count, or has no port.
func (b *batch) settle(ctx context.Context, p *pendingClaim) error {
	for p.refused == nil {
		r := b.room(p.at.Host)
		if err := b.readRows(ctx, p.at.Host); err != nil {
			return err
		}
		if p.sure || !r.wrong {
			slot, port, ok := r.on.free(p.limit, p.ports, p.isForeign(p.at.Host))
			if ok {
				r.on.take(slot, port)
				p.at.Slot, p.at.Port = slot, port
				return nil
			}
			p.avoid(p.at.Host)
		}
		b.takeBack(p)
		if err := b.choose(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (p *pendingClaim) avoid(host string) {
	if p.without == nil {
		p.without = make(map[string]bool)
	}
	p.without[host] = true
}

// occupied says why the database gives no slot of a host, or nothing.
func occupied(h hosts.Load, drained map[string]Drained) string {
	if d, ok := drained[h.Host]; ok {
		return d.why()
	}
	if h.Used >= h.Max {
		return fmt.Sprintf("full %d/%d", h.Used, h.Max)
	}
	return ""
}
