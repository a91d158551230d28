// Package target decides which request targets name a page: those that every
// server reads alike. Who passes others on is not who decides what they mean.
//
// What callers can rely on: after [Check] the page is in URL.Path, whatever form
// the target had, and [IsFor] says whether an absolute one means this service.
package target

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Err means that a request does not name a page.
var Err = errors.New("the request does not name a page")

// Check returns [Err] unless the target of a request is a path or an http address.
// The host for CONNECT, "*" and a:b:/path, whose host is empty, are none. Neither is
// a path with control characters in it, which net/http lets in escaped.
func Check(r *http.Request) error {
	switch u := r.URL; {
	case strings.ContainsFunc(u.Path, isControl),
		u.Scheme == "" && (u.Host != "" || !strings.HasPrefix(u.Path, "/")),
		u.Scheme != "" && (u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == ""):
		return Err
	}
	return nil
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }

// IsFor reports whether a request is for one of these hosts, which may have ports, or
// for the address that it came in on. Only an absolute target says for whom it is.
func IsFor(r *http.Request, addresses ...string) bool {
	if r.URL.Scheme == "" {
		return true
	}
	if local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr); local != nil {
		addresses = append(addresses, local.String())
	}
	return slices.ContainsFunc(addresses, func(address string) bool {
		host, _, err := net.SplitHostPort(address)
		return err == nil && host != "" && canonical(host) == canonical(r.URL.Hostname())
	})
}

// canonical returns the one form of a host that all its spellings have.
func canonical(host string) string {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().WithZone("").String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// maxMethod is longer than any method that there is.
const maxMethod = 20

// Method returns the method of a request as the log has it: a client may send a word of
// any length.
func Method(r *http.Request) string { return r.Method[:min(len(r.Method), maxMethod)] }
