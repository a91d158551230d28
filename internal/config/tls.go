package config

import (
	"crypto/tls"
	"maps"
	"slices"

	"wrpdistributor/internal/hosts"
)

// A TLS says where clients reach the API itself over TLS, if Listen is set: beside Listen of
// [Config], with the same routes.
type TLS struct {
	Listen string          // host:port; empty: nowhere
	Cert   *hosts.TLSFiles // on this machine; nil: one that is to be made
	Oldest uint16          // version of the protocol that clients may have
}

// tlsVersions are those that there are, as people call them.
func tlsVersions() map[string]uint16 {
	return map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}
}

func (p *parser) tls(c *Config, v *variables) {
	if v.TLSListen == "" {
		if v.TLSCert != selfSigned {
			p.wrong("TLS_CERT", v.TLSCert, "means nothing without a port, want TLS_LISTEN as well")
		}
		return
	}
	versions := tlsVersions()
	if v.TLSListen == v.Listen {
		p.wrong("TLS_LISTEN", v.TLSListen, "is where LISTEN is without TLS, want another port")
	}
	c.TLS = TLS{
		Listen: p.listen("TLS_LISTEN", v.TLSListen),
		Cert:   p.cert("TLS_CERT", v.TLSCert),
		Oldest: versions[p.choice("TLS_MIN_VERSION", v.TLSMinVersion, slices.Sorted(maps.Keys(versions))...)],
	}
}
