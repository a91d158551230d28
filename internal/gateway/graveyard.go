package gateway

import "time"

const (
	maxGone = 10_000
	goneFor = time.Hour
)

// A graveyard remembers sessions that ended, so that their clients are told that
// it was there, and that news which are late do not bring one back. The oldest
// go first.
type graveyard struct {
	byID  map[int64]*grave
	byKey map[key]*grave
	order []*grave // by time
}

type grave struct {
	id    int64
	key   key    // zero: not known
	route *route // nil: there was none here
	when  time.Time
}

func newGraveyard() graveyard {
	return graveyard{byID: make(map[int64]*grave), byKey: make(map[key]*grave)}
}

// bury notes the end of a session, or its key once that is known.
func (y *graveyard) bury(id int64, k key, now time.Time) *grave {
	g := y.byID[id]
	if g == nil {
		g = &grave{id: id, when: now}
		y.byID[id] = g
		y.order = append(y.order, g)
	}
	if k != (key{}) {
		g.key = k
		y.byKey[k] = g
	}
	for len(y.order) > maxGone || len(y.order) > 0 && now.Sub(y.order[0].when) >= goneFor {
		delete(y.byID, y.order[0].id)
		delete(y.byKey, y.order[0].key)
		y.order = y.order[1:]
	}
	return g
}

func (y *graveyard) ended(id int64) bool { return y.byID[id] != nil }

func (y *graveyard) knows(k key, now time.Time) bool {
	g := y.byKey[k]
	return g != nil && now.Sub(g.when) < goneFor
}
