package hosts

import (
	"errors"
	"fmt"

	"github.com/docker/go-units"
)

// MaxAuto is the highest limit that a host's memory gives it. The ports of as many
// containers are reckoned with.
const MaxAuto = 100

// errMemory means that a host whose memory decides how many containers it takes has too
// little for one.
var errMemory = errors.New("max=auto allows no container")

// AutoLimit returns how many containers of a size fit into an amount of memory, at most
// [MaxAuto].
func AutoLimit(memory, container int64) int {
	if container <= 0 {
		return 0 // each may take all there is
	}
	return int(min(max(memory, 0)/container, MaxAuto))
}

// Resources returns the strategy that chooses the host with the most memory that is not
// reserved for a container yet, each of which may need so much; among equals any.
// Containers that wait for a client need theirs as well.
func Resources(container int64) Strategy {
	unreserved := func(l Load) int64 { return l.Memory - int64(l.Used+l.Waiting)*container }
	return func(loads []Load) (int, bool) {
		return best(loads, func(a, b Load) bool { return unreserved(a) > unreserved(b) })
	}
}

// forContainers returns how much memory the host has for containers; 0: it is not known.
// h.mu is held.
func (h *host) forContainers() int64 { return max(0, h.memory-h.cfg.MemoryReserve) }

// withLimit returns the host as it is configured, with the limit that its memory gives it.
// h.mu is held.
func (h *host) withLimit() Host {
	c := h.Host
	if c.Auto {
		c.Max = AutoLimit(h.forContainers(), h.cfg.Container.Memory)
	}
	return c
}

// current is withLimit for who does not hold h.mu.
func (h *host) current() Host {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.withLimit()
}

// fits returns why no container fits into the memory that an engine says its host has, or
// nil.
func (h *host) fits(memory int64) error {
	c, reserve := h.cfg.Container.Memory, h.cfg.MemoryReserve
	if !h.configured().Auto || AutoLimit(memory-reserve, c) > 0 {
		return nil
	}
	return fmt.Errorf("%w: the host has %s of memory, of which %s stay free (MEMORY_RESERVE), and a container may need %s (CONTAINER_MEMORY): name a number, or change these",
		errMemory, size(memory), size(reserve), size(c))
}

func size(bytes int64) string { return units.BytesSize(float64(bytes)) }
