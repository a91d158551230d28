package config

import (
	"net/netip"
	"regexp"
)

// Prefixes of a network that has addresses for more than a handful of containers.
const (
	largestSubnet  = 8
	smallestSubnet = 28
)

// networkName parses the name of a network of containers. What Docker calls
// networks and are none would take away what keeps a container in.
func (p *parser) networkName(name, value string) string {
	switch value {
	case "":
		return ""
	case "host", "none", "default":
		p.wrong(name, value, "want a network that can publish ports, which %s cannot", value)
		return ""
	}
	if ok, _ := regexp.MatchString(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`, value); !ok {
		p.wrong(name, value, "want the name of a network as in: docker network ls")
		return ""
	}
	return value
}

// subnet parses the addresses of a network of containers.
func (p *parser) subnet(name, value string) netip.Prefix {
	if value == "" {
		return netip.Prefix{}
	}
	subnet, err := netip.ParsePrefix(value)
	if err != nil || !subnet.Addr().Is4() || subnet != subnet.Masked() || subnet.Bits() < largestSubnet || subnet.Bits() > smallestSubnet {
		p.wrong(name, value, "want an IPv4 network from /%d to /%d, such as 10.99.0.0/24", largestSubnet, smallestSubnet)
		return netip.Prefix{}
	}
	return subnet
}
