package session

import (
	"maps"
	"sync"
	"time"

	"wrpdistributor/internal/hosts"
)

const (
	avoidFor        = 10 * time.Minute // a port on which a foreign process was found
	avoidUnknownFor = 2 * time.Minute  // one of a container that cleanup is about to remove
)

// A place is where a container goes: a slot of a host, and the port for it.
type place struct {
	Host string `db:"containerHost"`
	Slot int    `db:"slot"`
	Port int    `db:"port"`
}

// A portRange says which ports containers get: one for each slot from start on, and
// above those some to use while foreign processes hold them.
type portRange struct{ start, spare int }

// occupancy is what rows occupy on one host.
type occupancy struct {
	slots, ports map[int]bool
}

func newOccupancy() *occupancy {
	return &occupancy{slots: make(map[int]bool), ports: make(map[int]bool)}
}

func (o *occupancy) take(slot, port int) { o.slots[slot], o.ports[port] = true, true }

// free returns the slot and port of a host's next container. The slot is the
// lowest free one whose own port is free; if foreign processes hold the ports of
// all free slots, the lowest free slot gets a spare port.
func (o *occupancy) free(limit int, ports portRange, isForeign func(port int) bool) (slot, port int, ok bool) {
	isFree := func(port int) bool { return !o.ports[port] && !isForeign(port) }
	lowest := -1
	for slot := range limit {
		if o.slots[slot] {
			continue
		}
		if isFree(ports.start + slot) {
			return slot, ports.start + slot, true
		}
		if lowest < 0 {
			lowest = slot
		}
	}
	if lowest < 0 {
		return 0, 0, false
	}
	above := ports.start + limit
	for port := above; port < above+ports.spare; port++ {
		if isFree(port) {
			return lowest, port, true
		}
	}
	return 0, 0, false
}

// foreignPorts remembers the ports on which something was found that no row knows. It
// is safe for concurrent use.
type foreignPorts struct {
	mu    sync.Mutex // guards found
	found map[hostPort]finding
}

// A finding is what holds a port, and for how long it is taken to.
type finding struct {
	container string // of ours; empty: something foreign
	until     time.Time
}

type hostPort struct {
	host string
	port int
}

func (f *foreignPorts) add(host string, port int) {
	f.put(hostPort{host, port}, finding{until: time.Now().Add(avoidFor)})
}

// addUnknown adds the port of a container that no session knows.
func (f *foreignPorts) addUnknown(host string, c hosts.Container) {
	f.put(hostPort{host, c.Port}, finding{c.ID, time.Now().Add(avoidUnknownFor)})
}

func (f *foreignPorts) put(at hostPort, what finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.found == nil {
		f.found = make(map[hostPort]finding)
	}
	f.found[at] = what
}

// release forgets the port of a container that has ended.
func (f *foreignPorts) release(container string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.found, func(_ hostPort, what finding) bool { return what.container == container })
}

// on returns a test for the ports of one host.
func (f *foreignPorts) on(host string) func(port int) bool {
	return func(port int) bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		what, ok := f.found[hostPort{host, port}]
		if ok && time.Now().After(what.until) {
			delete(f.found, hostPort{host, port})
			return false
		}
		return ok
	}
}
