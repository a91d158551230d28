package hostguard

import (
	"context"
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

// A room knows which containers an engine is being asked to make: its list may not have them
// yet. It is safe for concurrent use.
type room struct {
	mu       sync.Mutex
	underWay map[string]int // how often each name is asked for
}

func newRoom() *room { return &room{underWay: make(map[string]int)} }

// enter returns the names that are under way, and this one, which is from now on, until it
// leaves. Of any two the later one knows of the earlier, or finds it in the engine's list.
func (r *room) enter(name string) (names map[string]bool, leave func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.underWay[name]++
	names = make(map[string]bool, len(r.underWay))
	for n := range r.underWay {
		names[n] = true
	}
	return names, func() { r.leave(name) }
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
// A name that is asked for again, because an answer was lost, counts once.
func (g *Guard) makeContainer(ctx context.Context, o *order) (*http.Response, error) {
	unlock, err := g.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	names, leave := g.room.enter(o.query.Get("name"))
	defer leave()
	n := len(names) - 1
	answer, err := g.engine.list(ctx, o.minor, func(c listed) {
		if !c.isOneOf(names) && g.owner.allows(c.Labels[labelDatabase]) == nil {
			n++
		}
	})
	switch {
	case err != nil || answer != nil:
		return answer, err
	case n >= g.cfg.maxContainers():
		return nil, refuse("there are %d containers already, %d more than PORTS in %s has: cleanup removes those that no session has (docker ps -a --filter label=%s lists all)",
			g.cfg.maxContainers(), beyondPorts, ConfigFile, labelDatabase)
	}
	return g.engine.do(context.WithoutCancel(ctx), o, "")
}
