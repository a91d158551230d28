package auth

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// Origin returns scheme and host of the address that a client used, as trusted proxies
// say it, or else as the request does. Host may have a port, and is empty if the
// client named none. Nobody but the client itself is fooled if it is wrong.
//
// The X-Forwarded- headers come before Forwarded: a proxy that sets those may pass on
// what the client says in the other.
func (g *Guard) Origin(r *http.Request) (scheme, host string) {
	scheme, host = "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	proxies := g.proxies(r)
	if proxies == 0 {
		return scheme, host
	}
	standard := g.forwarded(r)
	said := func(name, parameter string) string {
		if list := list(r, "X-Forwarded-"+name); len(list) > 0 {
			return list[max(0, len(list)-proxies)] // the others are the client's
		}
		return standard[parameter]
	}
	if proto := strings.ToLower(said("Proto", "proto")); proto == "http" || proto == "https" {
		scheme = proto
	}
	if name := said("Host", "host"); HostOf(name) != "" {
		host = bracketed(name)
	}
	return scheme, withPort(scheme, host, said("Port", ""))
}

// bracketed writes an IPv6 address as a URL has it.
func bracketed(host string) string {
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		return "[" + host + "]"
	}
	return host
}

// withPort adds a port to a host that has none, unless it is the scheme's own.
func withPort(scheme, host, port string) string {
	_, _, err := net.SplitHostPort(host)
	if err == nil || host == "" || !isPort(port) || scheme == "http" && port == "80" || scheme == "https" && port == "443" {
		return host
	}
	return host + ":" + port
}

// proxies returns how many trusted proxies a request has come through, each of which
// added to the lists that it keeps.
func (g *Guard) proxies(r *http.Request) int {
	if !g.isTrusted(peer(r)) {
		return 0
	}
	n := 1
	for addresses := list(r, "X-Forwarded-For"); n < len(addresses); n++ {
		addr, err := parseAddr(addresses[len(addresses)-n])
		if err != nil || !g.isTrusted(addr) {
			break
		}
	}
	return n
}

// forwarded returns what the outermost trusted proxy said in the header Forwarded: the
// last one did, and each other whose address the next one knew for trusted.
func (g *Guard) forwarded(r *http.Request) map[string]string {
	var elements []map[string]string
	for _, line := range r.Header.Values("Forwarded") {
		elements = append(elements, parseForwarded(line)...)
	}
	for i := len(elements) - 1; i >= 0; i-- {
		addr, err := parseAddr(elements[i]["for"])
		if i == 0 || err != nil || !g.isTrusted(addr) {
			return elements[i]
		}
	}
	return nil
}

// parseForwarded reads a header line as RFC 7239 has it. What cannot be read is left out.
func parseForwarded(line string) []map[string]string {
	var elements []map[string]string
	for _, element := range splitUnquoted(line, ',') {
		parameters := make(map[string]string)
		for _, pair := range splitUnquoted(element, ';') {
			if name, value, ok := strings.Cut(pair, "="); ok {
				parameters[strings.ToLower(strings.TrimSpace(name))] = unquote(strings.TrimSpace(value))
			}
		}
		if len(parameters) > 0 {
			elements = append(elements, parameters)
		}
	}
	return elements
}

// splitUnquoted splits text at each separator that is not within quotes.
func splitUnquoted(text string, separator byte) []string {
	var parts []string
	begin, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++ // the next one is not special
		case c == '"':
			quoted = !quoted
		case c == separator && !quoted:
			parts = append(parts, text[begin:i])
			begin = i + 1
		}
	}
	return append(parts, text[begin:])
}

// unquote returns what a value stands for. One whose quotes do not end stands for nothing.
func unquote(value string) string {
	inner, ok := strings.CutPrefix(value, `"`)
	if !ok {
		return value
	}
	var b strings.Builder
	for i := 0; i < len(inner); i++ {
		switch {
		case inner[i] == '"' && i == len(inner)-1:
			return b.String()
		case inner[i] == '"':
			return ""
		case inner[i] == '\\' && i+1 < len(inner):
			i++
		}
		b.WriteByte(inner[i])
	}
	return ""
}

// HostOf returns the name or address in a host that may have a port; empty: it is
// neither.
func HostOf(host string) string {
	name, port, err := net.SplitHostPort(host)
	switch {
	case err != nil:
		name = host
	case !isPort(port):
		return ""
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		name = strings.TrimSuffix(inner, "]")
	}
	if addr, err := netip.ParseAddr(name); err == nil && addr.Zone() == "" || isHostName(name) {
		return name
	}
	return ""
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

func isHostName(text string) bool {
	if text == "" || len(text) > 253 {
		return false
	}
	for _, c := range text {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", c) {
			return false
		}
	}
	return true
}

// CameInOn returns the address of this machine that a request came in on. It is not
// valid if that is no IP address.
func CameInOn(r *http.Request) netip.AddrPort {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		return netip.AddrPort{}
	}
	at, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(Canonical(at.Addr()), at.Port())
}
