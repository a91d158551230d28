package session

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A FullError says why no host can take a container.
type FullError struct {
	Reasons []Reason

	evictable bool // a container that never had a client takes a slot
}

// A Reason says why one host takes no container.
type Reason struct {
	Host string
	Why  string

	Since time.Time // it is down; zero: it is not, or failed for this client only
	Cause string    // of that

	full bool // that is why
}

// IsFull reports whether a host would take a container if one of its own ended.
func (e *FullError) IsFull() bool {
	return slices.ContainsFunc(e.Reasons, func(r Reason) bool { return r.full })
}

// maxReasons is how many are said: the error is logged for each client that is refused.
const maxReasons = 10

// Error says it of each host, or of many hosts what most of them have in common.
func (e *FullError) Error() string {
	var b strings.Builder
	b.WriteString("no host takes a container")
	said := 0
	for _, g := range e.groups() {
		fmt.Fprintf(&b, "; %s: %s", g.name(), g.first.Why)
		said += 1 + g.more
	}
	if rest := len(e.Reasons) - said; rest > 0 {
		fmt.Fprintf(&b, "; and %d hosts more", rest)
	}
	return b.String()
}

// A group is hosts that have a reason in common, if there are many.
type group struct {
	first Reason
	more  int
}

func (g group) name() string {
	if g.more == 0 {
		return g.first.Host
	}
	return fmt.Sprintf("%s and %d more", g.first.Host, g.more)
}

// groups returns a host each if there are few, else the first reasons that differ.
func (e *FullError) groups() (list []group) {
	at := make(map[string]int)
	for _, r := range e.Reasons {
		i, known := at[r.Why]
		switch {
		case known && len(e.Reasons) > maxReasons:
			list[i].more++
		case len(list) < maxReasons:
			at[r.Why] = len(list)
			list = append(list, group{first: r})
		}
	}
	return list
}
