package httpapi

import (
	"net/http"
	"net/netip"
	"strings"

	"wrpdistributor/internal/session"
)

// client returns who asks.
func (s *Server) client(r *http.Request) (session.Client, error) {
	addr, err := s.clientAddr(r)
	if err != nil {
		return session.Client{}, err
	}
	agent := strings.TrimSpace(r.UserAgent())
	if agent == "" {
		return session.Client{}, errNoUserAgent
	}
	return session.Client{IP: addr.String(), UserAgent: agent}, nil
}

// clientAddr returns the client's address: the peer's, or the one that trusted
// proxies say stands behind them.
func (s *Server) clientAddr(r *http.Request) (netip.Addr, error) {
	from := peer(r)
	forwarded := forwardedFor(r)
	if !s.trusted(from) {
		if len(forwarded) > 0 && from.IsPrivate() {
			s.proxied.Do(func() {
				s.Log.WarnContext(r.Context(), "X-Forwarded-For of a private peer is ignored, all clients behind it count as one; if it is your proxy, add it to TRUSTED_PROXIES", "peer", from.String())
			})
		}
		return from, nil
	}
	// Each proxy appended the address it saw, so the list is believed from the
	// right up to the first address that is not a proxy of ours.
	for i := len(forwarded) - 1; i >= 0; i-- {
		addr, err := parseAddr(forwarded[i])
		if err != nil {
			return netip.Addr{}, errForwardedFor
		}
		if from = addr; !s.trusted(addr) {
			break
		}
	}
	return from, nil
}

func (s *Server) trusted(addr netip.Addr) bool {
	for _, p := range s.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// forwardedFor returns the list of X-Forwarded-For; several headers are one.
func forwardedFor(r *http.Request) []string {
	var list []string
	for _, entry := range strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			list = append(list, entry)
		}
	}
	return list
}

// parseAddr reads an address, with or without a port.
func parseAddr(text string) (netip.Addr, error) {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return canonical(withPort.Addr()), nil
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return canonical(addr), err
}

func canonical(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// peer returns the address that the request came from.
func peer(r *http.Request) netip.Addr {
	p, _ := netip.ParseAddrPort(r.RemoteAddr) // net/http wrote it
	return canonical(p.Addr())
}
