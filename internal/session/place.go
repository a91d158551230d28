package session

import (
	"fmt"
	"sync"
	"time"

	"wrpdistributor/internal/hosts"
)

// place asks the strategy for hosts until one has a free port as well. What waits
// for clients takes slots, but does not count as load.
func (c claim) place(taken map[string]*places, draining map[string]Drained) (row, error) {
	full := &FullError{}
	var loads []hosts.Load
	for _, h := range c.hosts {
		h.Used = len(taken[h.Host].slots)
		if why := occupied(h, draining); why != "" {
			_, drained := draining[h.Host]
			full.evictable = full.evictable || taken[h.Host].yields && !drained
			full.Reasons = append(full.Reasons, Reason{h.Host, why})
			continue
		}
		h.Used -= taken[h.Host].waiting
		loads = append(loads, h)
	}
	for {
		i, ok := c.strategy(loads)
		if !ok {
			return row{}, full
		}
		h := loads[i]
		slot, port, ok := choosePlace(h.Max, c.startPort, taken[h.Host].slots, taken[h.Host].ports, c.avoid(h.Host))
		if ok {
			return row{Host: h.Host, Slot: slot, Port: port}, nil
		}
		full.Reasons = append(full.Reasons, Reason{h.Host, "strangers hold all its ports"})
		loads[i].Max = 0
	}
}

// occupied says why the database gives no slot of a host, or nothing.
func occupied(h hosts.Load, draining map[string]Drained) string {
	if d, ok := draining[h.Host]; ok {
		return d.why()
	}
	if h.Used >= h.Max {
		return fmt.Sprintf("full %d/%d", h.Used, h.Max)
	}
	return ""
}

const (
	// SparePorts may be used above a host's range when strangers hold ports in it.
	SparePorts = 16

	avoidFor = 10 * time.Minute
)

// choosePlace returns the slot and port of a host's next container. The slot is
// the lowest free one whose own port is free; if strangers hold the ports of all
// free slots, the lowest free slot gets a port above the range.
func choosePlace(limit, startPort int, slots, ports map[int]bool, avoid func(port int) bool) (slot, port int, ok bool) {
	free := func(port int) bool { return !ports[port] && !avoid(port) }
	lowest := -1
	for slot := range limit {
		if slots[slot] {
			continue
		}
		if free(startPort + slot) {
			return slot, startPort + slot, true
		}
		if lowest < 0 {
			lowest = slot
		}
	}
	if lowest < 0 {
		return 0, 0, false
	}
	for port := startPort + limit; port < startPort+limit+SparePorts; port++ {
		if free(port) {
			return lowest, port, true
		}
	}
	return 0, 0, false
}

// foreignPorts remembers the ports that something else was found on. It is safe
// for concurrent use.
type foreignPorts struct {
	mu    sync.Mutex
	until map[hostPort]time.Time
}

type hostPort struct {
	host string
	port int
}

func (t *foreignPorts) add(host string, port int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.until == nil {
		t.until = make(map[hostPort]time.Time)
	}
	t.until[hostPort{host, port}] = time.Now().Add(avoidFor)
}

// on returns a test for the ports of one host.
func (t *foreignPorts) on(host string) func(port int) bool {
	return func(port int) bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		until, ok := t.until[hostPort{host, port}]
		if ok && time.Now().After(until) {
			delete(t.until, hostPort{host, port})
			return false
		}
		return ok
	}
}
