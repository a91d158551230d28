package gateway

import (
	"time"
	"weak"
)

const (
	maxTombstones = 10_000
	tombstoneAge  = time.Hour
)

// Tombstones are the sessions that ended, so that their clients are told that
// there was one, and that news of a session which come after its end do not bring
// it back. The oldest go first.
type tombstones struct {
	byID  map[int64]*tombstone
	byKey map[key]*tombstone
	order []*tombstone // by time
}

type tombstone struct {
	id    int64
	key   key // zero: not known
	ended time.Time

	// Requests under way, and connections, hold their route; once there are none, nobody
	// has to wait for them, nor close them.
	route weak.Pointer[route]
}

func newTombstones() tombstones {
	return tombstones{byID: make(map[int64]*tombstone), byKey: make(map[key]*tombstone)}
}

// add remembers the end of a session, or its key once that is known.
func (t *tombstones) add(id int64, k key, now time.Time) *tombstone {
	stone := t.byID[id]
	if stone == nil {
		stone = &tombstone{id: id, ended: now}
		t.byID[id] = stone
		t.order = append(t.order, stone)
	}
	if k != (key{}) {
		stone.key = k
		t.byKey[k] = stone
	}
	t.prune(now)
	return stone
}

func (t *tombstones) prune(now time.Time) {
	for len(t.order) > maxTombstones || len(t.order) > 0 && now.Sub(t.order[0].ended) >= tombstoneAge {
		delete(t.byID, t.order[0].id)
		delete(t.byKey, t.order[0].key)
		t.order = t.order[1:]
	}
}

func (t *tombstones) hasID(id int64) bool { return t.byID[id] != nil }

// ofKey returns the one of a token, or nil.
func (t *tombstones) ofKey(k key, now time.Time) *tombstone {
	if stone := t.byKey[k]; stone != nil && now.Sub(stone.ended) < tombstoneAge {
		return stone
	}
	return nil
}
