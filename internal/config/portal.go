package config

import (
	"net"
	"slices"
	"strings"
	"time"
)

// Whom a portal lets in.
const (
	PortalAccounts = "accounts"
	PortalAnyone   = "anyone"
)

const (
	portalHome      = "wrp.home" // a name of ours that browsers with us as their proxy can ask for
	maxPortalWait   = 30 * time.Second
	maxPerAddress   = 1000
	portalAlone     = "means nothing without the portal, want PORTAL=accounts or anyone as well"
	portalNeedsGate = "lets people in at the gateway, want GATEWAY_LISTEN as well"
)

// A Portal says who comes in at the gateway without the token of a session.
type Portal struct {
	Mode       string        // [PortalAccounts] or [PortalAnyone]; empty: nobody
	Proxy      bool          // browsers may have the gateway as their proxy
	Names      []string      // hosts that are ours, also for those; in lower case
	Wait       time.Duration // for a session, before the page that says so
	PerAddress int           // sessions of visitors; with PortalAnyone
}

// portal parses what needs the gateway's settings.
func (p *parser) portal(c *Config, v *variables) {
	c.Portal = Portal{
		Mode:       p.choice("PORTAL", v.Portal, "off", PortalAccounts, PortalAnyone),
		Proxy:      p.choice("PORTAL_PROXY", v.PortalProxy, "on", "off") == "on",
		Names:      p.names("PORTAL_NAMES", v.PortalNames),
		Wait:       p.duration("PORTAL_WAIT", v.PortalWait, minTimeout),
		PerAddress: p.number("PORTAL_PER_ADDRESS", v.PortalPerAddress, 1, maxPerAddress),
	}
	to := &c.Portal
	if to.Wait > maxPortalWait {
		p.wrong("PORTAL_WAIT", v.PortalWait, "want at most %s: old browsers give up, and show no page at all", maxPortalWait)
	}
	switch {
	case to.Mode == "": // which is wrong
		return
	case to.Mode == "off":
		to.Mode = ""
		p.portalIsOff(to, v)
		return
	case v.GatewayListen == "":
		p.wrong("PORTAL", v.Portal, portalNeedsGate)
	}
	if to.Mode == PortalAnyone && to.Proxy {
		p.wrong("PORTAL_PROXY", v.PortalProxy, "a proxy for anyone is misused within days, want PORTAL=accounts, or PORTAL_PROXY=off")
	}
	if v.PortalNames == "" {
		to.Names = defaultNames(c.Gateway.Address)
	}
}

func (p *parser) portalIsOff(to *Portal, v *variables) {
	if to.Proxy {
		p.wrong("PORTAL_PROXY", v.PortalProxy, portalAlone)
	}
	if v.PortalNames != "" {
		p.wrong("PORTAL_NAMES", v.PortalNames, portalAlone)
	}
}

// names parses a list of hosts without ports, or nothing.
func (p *parser) names(name, value string) (list []string) {
	if value == "" {
		return nil
	}
	for _, entry := range entries(value) {
		host := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(entry, "["), "]"))
		if !isHost(host) {
			p.wrong(name, value, "entry %q: want a host name or an IP address, without a port", entry)
			continue
		}
		if !slices.Contains(list, host) {
			list = append(list, host)
		}
	}
	return list
}

// defaultNames are the host that clients are told to connect to, and one that needs to be
// in no name server.
func defaultNames(gateway string) []string {
	host, _, _ := net.SplitHostPort(gateway) // an address, if there was no problem
	if host == "" {
		return []string{portalHome}
	}
	return []string{strings.ToLower(host), portalHome}
}
