package hostsetup

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// A Target is where the operator's ssh leads.
type Target struct {
	User string // empty: as ssh decides
	Host string
	Port string // empty: as ssh decides, which is taken to be 22
}

// ParseTarget reads user@host:port, of which the host is needed. Whether that is a name is
// for others to say.
func ParseTarget(text string) (Target, error) {
	t := Target{Host: text}
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		t.User, t.Host = text[:at], text[at+1:]
		if t.User == "" {
			return Target{}, fmt.Errorf("%q: want user@host or user@host:port", text)
		}
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(t.Host, "["), "]")
	if addr, err := netip.ParseAddr(bare); err == nil && addr.Is6() {
		t.Host = bare
	} else if strings.Contains(t.Host, ":") {
		var err error
		if t.Host, t.Port, err = net.SplitHostPort(t.Host); err != nil || t.Port == "" {
			return Target{}, fmt.Errorf("%q: want user@host or user@host:port, an IPv6 address with a port in brackets", text)
		}
	}
	if t.Host == "" || strings.HasPrefix(t.Host, "-") || strings.HasPrefix(t.User, "-") || strings.ContainsAny(text, " \t\n'\"\\;|&$<>()") {
		return Target{}, fmt.Errorf("%q: want user@host or user@host:port", text)
	}
	return t, nil
}

// Name is what the distributor calls the host.
func (t Target) Name() string {
	switch {
	case t.Port == "" || t.Port == "22":
		return t.Host
	default:
		return net.JoinHostPort(t.Host, t.Port)
	}
}

// arguments are those of ssh.
func (t Target) arguments() []string {
	var args []string
	if t.Port != "" {
		args = append(args, "-p", t.Port)
	}
	if t.User != "" {
		args = append(args, "-l", t.User)
	}
	return append(args, "--", t.Host)
}

// String is what the operator would type after ssh.
func (t Target) String() string {
	words := ""
	if t.Port != "" {
		words = "-p " + t.Port + " "
	}
	if t.User != "" {
		words += t.User + "@"
	}
	return words + t.Host
}
