package config

import (
	"net"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

const (
	selfSigned = "self-signed" // GATEWAY_TLS_CERT and TLS_CERT for a certificate that is to be made

	// To warm up a container takes seconds; replaced sooner than this, few would
	// ever wait for a client.
	minWarmAge = time.Minute
)

// A Gateway says where clients reach their sessions, if Listen is set. An address
// without a host means: at the host by which the client reached the API.
type Gateway struct {
	Listen      string // host:port; empty: there is no gateway
	Address     string // what clients connect to, host:port
	TLSListen   string // host:port; empty: no TLS
	TLSAddress  string
	Cert        *hosts.TLSFiles // on this machine; nil: one that is to be made
	FreezeAfter time.Duration   // 0: never
}

func (p *parser) gateway(c *Config, v *variables) {
	g := &c.Gateway
	for _, need := range []struct{ name, value string }{
		{"GATEWAY_ADDRESS", v.GatewayAddress}, {"GATEWAY_TLS_LISTEN", v.GatewayTLSListen},
		{"GATEWAY_TLS_ADDRESS", v.GatewayTLSAddress}, {"FREEZE_AFTER", v.FreezeAfter},
	} {
		if need.value != "" && v.GatewayListen == "" {
			p.wrong(need.name, need.value, "means nothing without a gateway, want GATEWAY_LISTEN as well")
		}
	}
	if v.GatewayListen == "" {
		return
	}
	g.Listen = p.listen("GATEWAY_LISTEN", v.GatewayListen)
	g.Address = p.address("GATEWAY_ADDRESS", v.GatewayAddress, "", g.Listen)
	if v.GatewayTLSListen != "" {
		g.TLSListen = p.listen("GATEWAY_TLS_LISTEN", v.GatewayTLSListen)
		host, _, _ := net.SplitHostPort(g.Address) // an address, if there was no problem
		g.TLSAddress = p.address("GATEWAY_TLS_ADDRESS", v.GatewayTLSAddress, host, g.TLSListen)
		g.Cert = p.cert("GATEWAY_TLS_CERT", v.GatewayTLSCert)
	}
	if v.FreezeAfter != "" {
		g.FreezeAfter = p.duration("FREEZE_AFTER", v.FreezeAfter, session.MinFreezeAfter)
	}
}

// cert parses cert~key on this machine. It returns nil for a certificate that is
// to be made.
func (p *parser) cert(name, value string) *hosts.TLSFiles {
	if value == selfSigned {
		return nil
	}
	files := tlsFiles(value)
	if files == nil {
		p.wrong(name, value, "want cert~key, both absolute paths on this machine, or %s", selfSigned)
	}
	return files
}

// warm parses how many containers wait on each host: one number for all, or one
// for each.
func (p *parser) warm(pool []hosts.Host, v *variables) {
	const plain, tls = "WARM_CONTAINERS", "WARM_TLS_CONTAINERS"
	for i, n := range p.perHost(plain, v.WarmContainers, 0, len(pool)) {
		pool[i].Warm = n
	}
	usable := false
	for i, n := range p.perHost(tls, v.WarmTLSContainers, 0, len(pool)) {
		usable = usable || n == 0 || pool[i].TLS != nil
		if pool[i].TLS != nil {
			pool[i].WarmTLS = n
		}
	}
	if v.WarmTLSContainers != "0" && v.GatewayListen != "" {
		p.wrong(tls, v.WarmTLSContainers, "behind a gateway all containers serve either kind of client, want WARM_CONTAINERS only")
	} else if !usable {
		p.wrong(tls, v.WarmTLSContainers, "no host has a certificate, see CONTAINER_HOSTS_TLS_CERTS")
	}
	for _, h := range pool {
		if h.Max > 0 && h.Warm+h.WarmTLS > h.Max {
			p.wrong(plain, v.WarmContainers, "host %q: want, together with %s, at most its MAX_CONTAINERS_RUNNING, which is %d", h.Name, tls, h.Max)
		}
	}
}
