package hostguard

import (
	"regexp"
	"sync"
)

// idForm is of a container's whole id.
var idForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// maxOurs is how many ids are remembered: more than a host has containers.
const maxOurs = 1024

// ours are the ids of containers that are known to be ours: neither an id's container nor
// its labels ever change. It is safe for concurrent use.
type ours struct {
	mu  sync.Mutex
	ids map[string]struct{}
}

func newOurs() *ours { return &ours{ids: make(map[string]struct{})} }

func (o *ours) has(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, has := o.ids[id]
	return has
}

func (o *ours) add(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for old := range o.ids {
		if len(o.ids) < maxOurs {
			break
		}
		delete(o.ids, old) // any: it is looked up again
	}
	o.ids[id] = struct{}{}
}

func (o *ours) remove(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.ids, id)
}
