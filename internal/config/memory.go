package config

import (
	"strconv"

	"wrpdistributor/internal/hosts"
)

const (
	auto     = "auto"      // the limit that a host's memory gives it
	byMemory = "resources" // the strategy that goes by it
)

// strategy chooses how hosts are chosen, and looks whether what goes by memory knows how
// much a container may need.
func (p *parser) strategy(c *Config, v *variables) {
	c.MemoryReserve = p.memory("MEMORY_RESERVE", v.MemoryReserve)
	switch c.Distribution {
	case "fillhost":
		c.Strategy = hosts.FillHost
	case byMemory:
		c.Strategy = hosts.Resources(c.Container.Memory)
	default:
		c.Strategy = hosts.Equal
	}
	if c.Distribution == byMemory && v.ContainerMemory == "0" {
		p.wrong("CONTAINER_MEMORY", v.ContainerMemory, "with CONTAINER_DISTRIBUTION_METHOD=%s want what a container may need", byMemory)
	}
	p.limitsNeedMemory(c, v)
}

// limitsNeedMemory looks whether it is known how much a container may need, where a limit
// goes by that.
func (p *parser) limitsNeedMemory(c *Config, v *variables) {
	if v.ContainerMemory != "0" {
		return
	}
	for _, h := range append(c.Hosts, c.Pretend) {
		if h.Auto {
			p.wrong("CONTAINER_MEMORY", v.ContainerMemory, "with a limit that is %s want what a container may need", auto)
			return
		}
	}
}

// setLimit sets how many containers a host may run: a number or "auto". It reports whether
// value is one.
func setLimit(h *hosts.Host, value string) bool {
	if h.Auto = value == auto; h.Auto {
		h.Max = hosts.MaxAuto
		return true
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > maxLimit {
		return false
	}
	h.Max = n
	return true
}

// limitOf is what setLimit takes.
func limitOf(h hosts.Host) string {
	if h.Auto {
		return auto
	}
	return strconv.Itoa(h.Max)
}
