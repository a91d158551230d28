package gateway

import "time"

const (
	maxTombstones = 10_000
	tombstoneAge  = time.Hour
)

// A tombstones remembers sessions that ended, so that their clients are told that
// it was there, and that news which are late do not bring one back. The oldest
// go first.
type tombstones struct {
	byID  map[int64]*tombstone
	byKey map[key]*tombstone
	order []*tombstone // by time
}

type tombstone struct {
	id    int64
	key   key    // zero: not known
	route *route // nil: there was none here
	when  time.Time
}

func newTombstones() tombstones {
	return tombstones{byID: make(map[int64]*tombstone), byKey: make(map[key]*tombstone)}
}

// add notes the end of a session, or its key once that is known.
func (y *tombstones) add(id int64, k key, now time.Time) *tombstone {
	g := y.byID[id]
	if g == nil {
		g = &tombstone{id: id, when: now}
		y.byID[id] = g
		y.order = append(y.order, g)
	}
	if k != (key{}) {
		g.key = k
		y.byKey[k] = g
	}
	for len(y.order) > maxTombstones || len(y.order) > 0 && now.Sub(y.order[0].when) >= tombstoneAge {
		delete(y.byID, y.order[0].id)
		delete(y.byKey, y.order[0].key)
		y.order = y.order[1:]
	}
	return g
}

func (y *tombstones) hasID(id int64) bool { return y.byID[id] != nil }

func (y *tombstones) hasKey(k key, now time.Time) bool {
	g := y.byKey[k]
	return g != nil && now.Sub(g.when) < tombstoneAge
}
