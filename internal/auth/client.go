package auth

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
)

// ErrForwardedFor means that a trusted proxy sent no address of the client that
// stands behind it.
var ErrForwardedFor = errors.New("the X-Forwarded-For header holds something that is no address")

// Client returns the client's address: the peer's, or the one that trusted
// proxies say stands behind them. It may return [ErrForwardedFor].
func (g *Guard) Client(r *http.Request) (netip.Addr, error) {
	from := peer(r)
	forwarded := list(r, "X-Forwarded-For")
	if !g.isTrusted(from) {
		if len(forwarded) > 0 && from.IsPrivate() {
			g.warned.Do(func() {
				g.log.WarnContext(r.Context(), "X-Forwarded-For ignored; all clients behind this peer count as one", "peer", from.String(), "setting", "TRUSTED_PROXIES")
			})
		}
		return from, nil
	}
	// Each proxy appended the address it saw, so the list is believed from the
	// right up to the first address that is not a proxy of ours.
	for i := len(forwarded) - 1; i >= 0; i-- {
		addr, err := parseAddr(forwarded[i])
		if err != nil {
			return netip.Addr{}, ErrForwardedFor
		}
		if from = addr; !g.isTrusted(addr) {
			break
		}
	}
	return from, nil
}

func (g *Guard) isTrusted(addr netip.Addr) bool {
	for _, p := range g.trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// list returns the entries of a header that is a list; several headers are one.
func list(r *http.Request, header string) []string {
	var list []string
	for _, entry := range strings.Split(strings.Join(r.Header.Values(header), ","), ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			list = append(list, entry)
		}
	}
	return list
}

// parseAddr reads an address, with or without a port.
func parseAddr(text string) (netip.Addr, error) {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return Canonical(withPort.Addr()), nil
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return Canonical(addr), err
}

// Canonical returns the one form of an address that all its spellings have.
func Canonical(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// peer returns the address that the request came from.
func peer(r *http.Request) netip.Addr {
	p, _ := netip.ParseAddrPort(r.RemoteAddr) // net/http wrote it
	return Canonical(p.Addr())
}
