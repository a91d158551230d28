package session

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// takingKept is for how long an attempt is remembered: longer than a request takes from
// the list that it read to its choice.
const takingKept = 10 * time.Second

// A taking is an attempt of this process to take a session that waits.
type taking struct {
	done  chan struct{}
	ended time.Time // once done
}

// takings keep the requests of this process from taking the same session. They are safe
// for concurrent use.
type takings struct {
	mu       sync.Mutex // guards what follows, and what byID leads to
	byID     map[int64]*taking
	underWay int
	pruned   time.Time
}

// begin chooses the first of a list that was read at a time, but for those that were
// tried since. If there is none it returns nil, and an attempt that may yet fail, or nil.
func (t *takings) begin(list []Session, read time.Time) (*Session, *taking) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var underWay *taking
	for i := range list {
		switch other := t.byID[list[i].ID]; {
		case other == nil || other.before(read):
			t.add(list[i].ID)
			return &list[i], nil
		case other.ended.IsZero():
			underWay = other
		}
	}
	return nil, underWay
}

func (t *takings) add(id int64) {
	if t.byID == nil {
		t.byID = make(map[int64]*taking)
	}
	if now := time.Now(); now.Sub(t.pruned) > takingKept {
		t.pruned = now
		maps.DeleteFunc(t.byID, func(_ int64, other *taking) bool { return other.before(now.Add(-takingKept)) })
	}
	t.byID[id] = &taking{done: make(chan struct{})}
	t.underWay++
}

// before reports whether an attempt had ended at a time.
func (t *taking) before(read time.Time) bool { return !t.ended.IsZero() && t.ended.Before(read) }

// end is called after the attempt, however it ended.
func (t *takings) end(id int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.byID[id]
	one.ended = time.Now()
	t.underWay--
	close(one.done)
}

// untried returns those of a list that was read at a time which nobody tried to take since.
func (t *takings) untried(list []Session, read time.Time) []Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(list), func(s Session) bool {
		other := t.byID[s.ID]
		return other != nil && !other.before(read)
	})
}

// busy reports whether any attempt is under way.
func (t *takings) busy() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.underWay > 0
}
