package hostguard

import (
	"cmp"
	"fmt"
	"strings"
)

// Describe says for people what the settings allow.
func (c *Config) Describe() string {
	var b strings.Builder
	line := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s %s\n", what, fmt.Sprintf(format, args...))
	}
	line("images", "%s; nothing else is pulled or run", c.imageNames())
	line("ports", "%d to %d of %s", c.FirstPort, c.LastPort, describeAddresses(c.Publish))
	line("containers", "up to %d, running or not", c.maxContainers())
	line("memory", "up to %d MiB for a container", c.MaxMemory>>20)
	if c.MaxNanoCPUs > 0 {
		line("processors", "up to %g cores for a container", float64(c.MaxNanoCPUs)/1e9)
	} else {
		line("processors", "no limit")
	}
	line("processes", "up to %d in a container", c.MaxPids)
	if c.Certificate != nil {
		line("files", "%s and %s, read-only, for containers that serve TLS", c.Certificate.Cert, c.Certificate.Key)
	} else {
		line("files", "none: no container serves TLS itself")
	}
	line("network", "%s%s", c.Network, describeNetwork(c))
	line("database", "%s", cmp.Or(c.DatabaseID, "that of the first container made ("+firstCome+"), remembered in "+c.StateDir))
	line("engine", "%s", c.Docker)
	return b.String()
}

func describeAddresses(list []string) string {
	words := make([]string, len(list))
	for i, address := range list {
		words[i] = cmp.Or(address, "all addresses of this host")
	}
	return strings.Join(words, ", ")
}

func describeNetwork(c *Config) string {
	switch {
	case c.Network != ownNetwork:
		return ", made by you"
	case c.Subnet.IsValid():
		return ", made where it is missing, with " + c.Subnet.String()
	}
	return ", made where it is missing"
}
