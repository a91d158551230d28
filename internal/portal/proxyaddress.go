package portal

import (
	"net"
	"net/http"

	"wrpdistributor/internal/auth"
)

// proxyAddress returns where browsers find the proxy: the configured address, or the one
// that this browser asked at. No old one speaks TLS with a proxy, so who asked by that is
// sent to the listener without.
func (p *Portal) proxyAddress(r *http.Request) string {
	scheme, host := p.Guard.Origin(r)
	name := auth.HostOf(host)
	switch {
	case p.Address != "":
		return p.Address
	case name == "":
		return "127.0.0.1"
	case scheme == "https" && p.Port != "":
		return net.JoinHostPort(name, p.Port)
	}
	return host
}
