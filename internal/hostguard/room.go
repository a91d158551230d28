package hostguard

import (
	"context"
	"maps"
	"net/http"
	"sync"
)

// beyondPorts is how many containers there may be that no port is left for: the doctor's, and
// those that an engine made late, until cleanup finds them.
const beyondPorts = 32

// maxContainers returns how many containers there may be, whether they run or not: those that
// do not run have no ports, and would fill the host's disk and the engine's memory.
func (c *Config) maxContainers() int { return c.ports() + beyondPorts }

func (c *Config) ports() int { return c.LastPort - c.FirstPort + 1 }

// A room knows how many containers there are at most. The engine is asked for them only when
// that may be too many: removals are not noticed, and each create counts. What is made past
// this guard, also by another beside it, counts from the next time on. It is safe for
// concurrent use.
type room struct {
	turn chan struct{} // a place for who lets one in

	mu       sync.Mutex
	most     int            // containers, with those that the engine is being asked to make
	known    bool           // whether anybody has asked
	underWay map[string]int // how often the engine is being asked for each name: its list may not have it yet
}

func newRoom() *room { return &room{turn: make(chan struct{}, 1), underWay: make(map[string]int)} }

// let lets one more container in, if there are fewer than limit for sure.
func (r *room) let(name string, limit int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.known || r.most >= limit {
		return false
	}
	r.most++
	r.underWay[name]++
	return true
}

// names returns those that are under way, and this one.
func (r *room) names(name string) map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]bool{name: true}
	for n := range maps.Keys(r.underWay) {
		all[n] = true
	}
	return all
}

// counted notes how many containers there are.
func (r *room) counted(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most, r.known = n, true
}

func (r *room) leave(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.underWay[name]--; r.underWay[name] == 0 {
		delete(r.underWay, name)
	}
}

// makeContainer asks the engine for a container, if there is room for it. Once asked, an
// engine makes it though the client has gone, and so it is waited for: it counts until then.
func (g *Guard) makeContainer(ctx context.Context, o *order) (*http.Response, error) {
	unlock, err := g.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	name := o.query.Get("name")
	if answer, err := g.letIn(ctx, o, name); err != nil || answer != nil {
		return answer, err
	}
	defer g.room.leave(name)
	return g.engine.do(context.WithoutCancel(ctx), o, "")
}

// letIn has a container count from now on, if there is room for it. An answer of the engine
// that is no list is returned.
func (g *Guard) letIn(ctx context.Context, o *order, name string) (answer *http.Response, err error) {
	select {
	case g.room.turn <- struct{}{}:
		defer func() { <-g.room.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	limit := g.cfg.maxContainers()
	if !g.alone && g.room.let(name, limit) {
		return nil, nil
	}
	// A name that is asked for again, because an answer was lost, counts once.
	names := g.room.names(name)
	n := len(names) - 1
	answer, err = g.engine.list(ctx, o.minor, func(c listed) {
		if !c.isOneOf(names) && g.owner.allows(c.Labels[labelDatabase]) == nil {
			n++
		}
	})
	if err != nil || answer != nil {
		return answer, err
	}
	g.room.counted(n)
	if !g.room.let(name, limit) {
		return nil, refuse("there are %d containers already, %d more than PORTS in %s has: cleanup removes those that no session has (docker ps -a --filter label=%s lists all)",
			limit, beyondPorts, ConfigFile, labelDatabase)
	}
	return nil, nil
}
