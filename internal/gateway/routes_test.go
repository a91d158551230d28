package gateway

import (
	"encoding/binary"
	"testing"
	"time"

	"wrpdistributor/internal/session"
)

// TestTombstonesAreBounded: the oldest go first, all after an hour.
func TestTombstonesAreBounded(t *testing.T) {
	stones, start := newTombstones(), time.Now()
	keyFor := func(i int) (k key) {
		binary.BigEndian.PutUint64(k[:], uint64(i)+1)
		return k
	}
	for i := range maxTombstones + 10 {
		stones.add(int64(i), keyFor(i), start)
		stones.add(int64(i), key{}, start) // told twice
	}
	if len(stones.byID) != maxTombstones || len(stones.byKey) != maxTombstones || len(stones.order) != maxTombstones {
		t.Errorf("%d ids, %d keys, %d in order; want %d of each", len(stones.byID), len(stones.byKey), len(stones.order), maxTombstones)
	}
	for i, want := range map[int]bool{0: false, 9: false, 10: true, maxTombstones + 9: true} {
		if got := stones.ofKey(keyFor(i), start) != nil; got != want || stones.hasID(int64(i)) != want {
			t.Errorf("number %d is known: %t, want %t", i, got, want)
		}
	}
	if stones.ofKey(keyFor(10), start.Add(tombstoneAge)) != nil {
		t.Error("known after an hour")
	}
	stones.add(-1, key{}, start.Add(tombstoneAge))
	if len(stones.byID) != 1 || len(stones.byKey) != 0 || len(stones.order) != 1 {
		t.Errorf("%d ids, %d keys, %d in order after an hour; want 1, 0, 1", len(stones.byID), len(stones.byKey), len(stones.order))
	}
}

// TestOldReloadDoesNotEndNewSession: an answer of the database that is older than a
// session does not end it; a younger one does.
func TestOldReloadDoesNotEndNewSession(t *testing.T) {
	g := &Gateway{}
	g.routes.init()
	s := &session.Session{ID: 1, Token: "t", Gateway: true}
	there := []session.Brief{{ID: 1}}
	asked := g.routes.begin()
	g.Started(s)
	if _, ended := g.routes.compare(nil, asked); len(ended) > 0 || g.routes.get(1) == nil {
		t.Error("a session ended because the database had not heard of it yet")
	}
	asked = g.routes.begin()
	if fresh, ended := g.routes.compare(there, asked); len(fresh)+len(ended) > 0 || g.routes.get(1) == nil {
		t.Error("a session ended, or is new, that the database has")
	}
	if _, ended := g.routes.compare(nil, asked); len(ended) != 1 || g.routes.get(1) != nil {
		t.Error("a session goes on that the database does not have")
	}
	if fresh, _ := g.routes.compare(there, asked); len(fresh) > 0 {
		t.Error("an old answer has a session read that ended")
	}
	if g.Started(s); g.routes.get(1) != nil {
		t.Error("an old answer brings a session back")
	}
}
