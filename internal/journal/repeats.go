package journal

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

const (
	// sameWithin is how soon after the last time something happens for the same time
	// once more; sameFor is how long after the first time.
	sameWithin = 10 * time.Minute
	sameFor    = time.Hour

	maxRepeats = 1000 // things that are known to have happened
	maxIDs     = 200  // of the requests of one entry; the latest are kept
)

// repeats are the entries that are counted rather than written again.
type repeats struct {
	known   map[string]*row
	changed []*row // were counted since they were written
}

// sameAs says what makes notes the same if they are of one session or of none; empty:
// nothing does.
func (n *Note) sameAs() string {
	switch w := n.What.(type) {
	case Refused:
		return n.Client + "\x00" + withoutNumbers(w.Why)
	case WarmUpFailed:
		return n.Host + "\x00warm " + withoutNumbers(w.Why)
	case GatewayRefused:
		return fmt.Sprintf("%d\x00gateway %s", n.Session, withoutNumbers(w.Why))
	case Given:
		return n.Client + "\x00given"
	case AccountRefused:
		return n.Client + "\x00" + w.Account + "\x00account"
	case Frozen:
		return n.Client + "\x00frozen"
	}
	return ""
}

// number is a count, a port, or the id of a container.
var number = regexp.MustCompile(`[0-9a-f]*[0-9][0-9a-f]*`)

// withoutNumbers makes reasons one that differ in these only.
func withoutNumbers(text string) string { return number.ReplaceAllLiteralString(text, "") }

// again counts what happened before, and reports whether it did.
func (rs *repeats) again(key string, n *Note, request string, now time.Time) bool {
	r := rs.known[key]
	if r == nil || r.Session != n.Session || now.Sub(r.last) > sameWithin || now.Sub(r.first) > sameFor {
		return false
	}
	r.Times++
	r.last, r.Last = now, stamp(now)
	if request != "" {
		r.requests = append(r.requests, request)
		r.requests = r.requests[max(0, len(r.requests)-maxIDs):]
		r.Requests = strings.Join(r.requests, " ")
	}
	if r.stored > 0 {
		rs.note(r)
	}
	return true
}

// note has a row be written anew.
func (rs *repeats) note(r *row) {
	if !r.changed {
		r.changed = true
		rs.changed = append(rs.changed, r)
	}
}

// takeChanged returns rows that are to be written anew.
func (rs *repeats) takeChanged(most int) []*row {
	n := min(most, len(rs.changed))
	list := rs.changed[:n:n]
	rs.changed = rs.changed[n:]
	for _, r := range list {
		r.changed = false
	}
	return list
}

// remember has what happens again be counted in r.
func (rs *repeats) remember(key string, r *row, now time.Time) {
	if key == "" {
		return
	}
	if rs.known == nil {
		rs.known = make(map[string]*row)
	}
	if len(rs.known) >= maxRepeats {
		rs.forget(now)
	}
	rs.known[key] = r
}

// forget makes room: by those that are over, else by any.
func (rs *repeats) forget(now time.Time) {
	for key, r := range rs.known {
		if now.Sub(r.last) > sameWithin || len(rs.known) >= maxRepeats {
			delete(rs.known, key)
		}
	}
}
