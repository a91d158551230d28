package database

import (
	"database/sql"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// An original is a session as the PHP distributor kept it, with a container.
type original struct {
	id        int64
	ip        string // or the whole X-Forwarded-For list
	userAgent string
	host      string
	port      sql.Null[uint16]
	used      time.Time
}

// An adopted session is one of the original's, taken over.
type adopted struct {
	original
	identity []byte // nil: no client's any more, to be stopped
	slot     int
	state    string
}

// adopt decides what becomes of the original's sessions, which come in the order of
// their ids: each gets the next slot of its host.
func adopt(originals []original) []adopted {
	sessions := make([]adopted, len(originals))
	slots := make(map[string]int) // next one of each host
	spare := unusedPorts(originals)
	for i, o := range originals {
		o.ip = canonical(o.ip)
		if !o.port.Valid {
			o.port.V = spare(o.host)
		}
		sessions[i] = adopted{original: o, slot: slots[o.host], state: "stopping"}
		slots[o.host]++
	}
	for _, i := range owned(sessions) {
		s := &sessions[i]
		s.identity, s.state = Identity(s.ip, s.userAgent), "running"
	}
	return sessions
}

// owned returns, by identity, the indexes of the sessions that clients go on with.
// A session of unknown port is none of them. If two turn out to be one client's,
// whose address the original had in two spellings, the one used later stays.
func owned(sessions []adopted) map[string]int {
	owner := make(map[string]int)
	for i, s := range sessions {
		if !s.port.Valid {
			continue
		}
		identity := string(Identity(s.ip, s.userAgent))
		if j, taken := owner[identity]; taken && s.used.Before(sessions[j].used) {
			continue
		}
		owner[identity] = i
	}
	return owner
}

// unusedPorts returns a function that returns, each time, another port that no
// session of a host has. A session of unknown port gets one of these, because the
// column must have a value, unique for the host.
func unusedPorts(originals []original) func(host string) uint16 {
	type place struct {
		host string
		port uint16
	}
	used := make(map[place]bool)
	for _, o := range originals {
		if o.port.Valid {
			used[place{o.host, o.port.V}] = true
		}
	}
	return func(host string) uint16 {
		p := place{host: host}
		for used[p] {
			p.port++
		}
		used[p] = true
		return p.port
	}
}

// canonical returns the right-most address in a list, as text of one form only,
// or the list itself if there is none.
func canonical(list string) string {
	for _, text := range slices.Backward(strings.Split(list, ",")) {
		if addr, ok := parseAddr(strings.TrimSpace(text)); ok {
			return addr.Unmap().WithZone("").String()
		}
	}
	return list
}

// parseAddr reads an address, in brackets or not, with a port or not.
func parseAddr(text string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr(), true
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	addr, err := netip.ParseAddr(text)
	return addr, err == nil
}
