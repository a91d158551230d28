package hosts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

var errClosed = errors.New("the pool is closed")

// running is who looks after the hosts.
type running struct {
	ctx     context.Context
	watcher Watcher
	loops   sync.WaitGroup
}

// Run looks after every host until ctx is done: connects, pulls a missing image,
// notices failures and recoveries, and tells w what happens to containers of ours.
func (p *Pool) Run(ctx context.Context, w Watcher) error {
	r := &running{ctx: ctx, watcher: w}
	p.mu.Lock()
	p.running = r
	for _, h := range p.hosts {
		p.lookAfter(h)
	}
	p.mu.Unlock()
	<-ctx.Done()
	p.mu.Lock()
	p.running = nil // nothing more begins
	p.mu.Unlock()
	r.loops.Wait()
	return nil
}

// lookAfter begins to look after a host, if anybody looks after hosts. p.mu is held.
func (p *Pool) lookAfter(h *host) {
	r := p.running
	if r == nil {
		return
	}
	ctx, stop := context.WithCancel(r.ctx)
	h.stop = stop
	h.loops.Go(func() { h.run(ctx) })
	h.loops.Go(func() { h.watchWhileUp(ctx, r.watcher) })
	r.loops.Go(func() { h.loops.Wait(); stop() })
}

// A Reconfiguration is what a new list of hosts changed. It has their names.
type Reconfiguration struct {
	Joined  []string // were not there, or were leaving
	Changed []string
	Leaving []string // are in the list no more, and were before
}

// Reconfigure makes a list of hosts the pool's. New ones are looked after at once. A
// limit that changed counts for the next container, a login for the next connection,
// which is made at once: whoever is served over the old one goes on with that. A host
// that the list has not is leaving: it takes no more sessions, and is looked after until
// [Pool.Dismiss]. After an error nothing is changed.
func (p *Pool) Reconfigure(list []Host) (Reconfiguration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return Reconfiguration{}, errClosed
	}
	members, joined, err := p.members(list)
	if err != nil {
		return Reconfiguration{}, err
	}
	change := p.adapt(list, members, joined)
	known := slices.ContainsFunc(members, func(h *host) bool { return h.status().State != Unknown })
	for _, h := range p.hosts {
		if slices.Contains(members, h) {
			continue
		}
		if h.leave() {
			change.Leaving = append(change.Leaving, h.Name)
		}
		members = append(members, h)
	}
	p.replace(members)
	for _, h := range joined {
		p.lookAfter(h)
	}
	if !known {
		p.first.done.Store(false) // who asks for a container waits for the first that works
	}
	return change, nil
}

// members returns the hosts of a list, and which of them are new. p.mu is held.
func (p *Pool) members(list []Host) (members, joined []*host, err error) {
	for _, configured := range list {
		h := p.byName[configured.Name]
		if h == nil {
			if h, err = newHost(configured, p.cfg, p.common); err != nil {
				for _, h := range joined {
					h.close()
				}
				return nil, nil, fmt.Errorf("host %s: %w", configured.Name, err)
			}
			joined = append(joined, h)
		}
		members = append(members, h)
	}
	return members, joined, nil
}

// adapt gives the members what the list says of them.
func (p *Pool) adapt(list []Host, members, joined []*host) (change Reconfiguration) {
	for i, h := range members {
		if slices.Contains(joined, h) {
			change.Joined = append(change.Joined, h.Name)
			continue
		}
		switch came, changed := h.reconfigure(list[i]); {
		case came:
			change.Joined = append(change.Joined, h.Name)
		case changed:
			change.Changed = append(change.Changed, h.Name)
		}
	}
	return change
}

// replace makes hosts the pool's. p.mu is held.
func (p *Pool) replace(hosts []*host) {
	p.hosts, p.byName = hosts, make(map[string]*host, len(hosts))
	for _, h := range hosts {
		p.byName[h.Name] = h
	}
}

// Leaving returns the names of the hosts that leave.
func (p *Pool) Leaving() (names []string) {
	for st := range p.Statuses() {
		if st.Leaving {
			names = append(names, st.Host.Name)
		}
	}
	return names
}

// Dismiss forgets a host that leaves, and returns when nothing of it is left here. It
// reports whether it did: not if the host has come back, or is not known.
func (p *Pool) Dismiss(name string) bool {
	p.mu.Lock()
	h := p.byName[name]
	if h == nil || !h.status().Leaving || p.closed {
		p.mu.Unlock()
		return false
	}
	p.replace(slices.DeleteFunc(slices.Clone(p.hosts), func(other *host) bool { return other == h }))
	p.mu.Unlock()
	if h.stop != nil {
		h.stop()
	}
	h.loops.Wait()
	h.close()
	p.common.engines.forget(name)
	return true
}

// all returns all hosts, those that leave too.
func (p *Pool) all() []*host {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.hosts
}

// Host returns the host of that name, or [ErrUnknownHost].
func (p *Pool) Host(name string) (Host, error) {
	h, err := p.find(name)
	if err != nil {
		return Host{}, err
	}
	return h.current(), nil
}

// Hosts returns all hosts in the configured order, and then those that leave.
func (p *Pool) Hosts() []Host {
	all := p.all()
	list := make([]Host, len(all))
	for i, h := range all {
		list[i] = h.current()
	}
	return list
}

func (p *Pool) find(name string) (*host, error) {
	p.mu.RLock()
	h, ok := p.byName[name]
	p.mu.RUnlock()
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrUnknownHost, name)
	}
	return h, nil
}
