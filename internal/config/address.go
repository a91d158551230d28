package config

import (
	"cmp"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// listen parses where to listen. Port 0 takes a free one.
func (p *parser) listen(name, value string) string {
	host, port, err := net.SplitHostPort(value)
	if err != nil || host != "" && !isHost(host) || port != "0" && !isPort(port) {
		p.wrong(name, value, "want host:port, or :port for all addresses, such as :7777 or 127.0.0.1:7777")
	}
	return value
}

// metricsListen parses where to listen for those who show no token: on this machine,
// unless an address is named.
func (p *parser) metricsListen(name, value string) string {
	if value == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(value)
	if err != nil || host != "" && !isHost(host) || port != "0" && !isPort(port) {
		p.wrong(name, value, "want host:port, or :port for this machine alone, such as :9101 or 192.168.1.7:9101")
	}
	return net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port)
}

// MetricsAddress parses what METRICS_LISTEN may be, of another name.
func MetricsAddress(name, value string) (string, error) {
	p := &parser{}
	address := p.metricsListen(name, value)
	if len(p.problems) > 0 {
		return "", p.problems
	}
	return address, nil
}

// host parses a name or address without a port.
func (p *parser) host(name, value string) string {
	value = strings.TrimSuffix(strings.TrimPrefix(value, "["), "]")
	if value != "" && !isHost(value) {
		p.wrong(name, value, "want a host name or an IP address, without a port")
	}
	return value
}

// ip parses an address of this machine, or nothing.
func (p *parser) ip(name, value string) string {
	if value == "" {
		return ""
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(value, "["), "]"))
	if err != nil || addr.Zone() != "" {
		p.wrong(name, value, "want an IP address of this machine, without a port, such as 127.0.0.1")
	}
	return addr.Unmap().String()
}

// address parses what clients connect to: host:port, or a host, or nothing. What
// is left out is taken from host and from listen.
func (p *parser) address(name, value, host, listen string) string {
	_, port, _ := net.SplitHostPort(listen)
	h, own, err := net.SplitHostPort(value)
	switch {
	case value == "":
	case err != nil:
		host = p.host(name, value)
	case isHost(h) && isPort(own):
		host, port = h, own
	default:
		p.wrong(name, value, "want host:port, such as wrp.example:8080; an IPv6 address in brackets")
	}
	return net.JoinHostPort(host, port)
}

// prefixes parses networks and single addresses; "none" is the empty list, as
// an empty variable means the default.
func (p *parser) prefixes(name, value string) []netip.Prefix {
	if value == "none" {
		return nil
	}
	var list []netip.Prefix
	for _, entry := range entries(value) {
		prefix, err := netip.ParsePrefix(entry)
		if addr, aerr := netip.ParseAddr(entry); aerr == nil {
			addr = addr.Unmap()
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		// Clients' addresses are compared unmapped, a mapped network would
		// never match.
		if err != nil || prefix.Addr().Is4In6() {
			p.wrong(name, value, "entry %q: want a network or an address, such as 10.0.0.0/8 or 192.168.1.7", entry)
			continue
		}
		list = append(list, prefix.Masked())
	}
	return list
}

// splitHost takes apart host, host:port, an IPv6 address, [address] and
// [address]:port.
func splitHost(entry string) (host, port string, ok bool) {
	host, port = entry, sshPort
	bare, bracketed := strings.CutPrefix(entry, "[")
	if bracketed && strings.HasSuffix(bare, "]") {
		host = strings.TrimSuffix(bare, "]")
		return host, port, isHost(host)
	}
	if _, err := netip.ParseAddr(entry); err != nil && strings.Contains(entry, ":") {
		if host, port, err = net.SplitHostPort(entry); err != nil {
			return "", "", false
		}
	}
	return host, port, isHost(host) && isPort(port)
}

// isHost reports whether s is an IP address or a host name. Names may have underscores:
// Compose gives such names to its services.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' {
			return false
		}
		for _, r := range label {
			if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", r) {
				return false
			}
		}
	}
	return len(s) <= 253
}

// isPort reports whether s is the number of a port, other than 0.
func isPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 1 && n <= maxPort
}
