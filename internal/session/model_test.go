package session

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
)

// A model is what the store should do, in as few words as possible.
type model struct {
	rows map[int64]*modelRow
}

type modelRow struct {
	client int // -1: nobody's
	host   string
	slot   int
	state  State
	old    bool // started longer ago than a start may take
	idle   bool
}

const modelSlots = 2 // of each of two hosts

func (m *model) of(client int) *modelRow {
	for _, r := range m.rows {
		if r.client == client {
			return r
		}
	}
	return nil
}

// place returns where the next claim goes: the first host with a free slot, and
// its lowest one.
func (m *model) place() (string, int, bool) {
	for _, host := range []string{"a", "b"} {
		taken := make(map[int]bool)
		for _, r := range m.rows {
			if r.host == host {
				taken[r.slot] = true
			}
		}
		for slot := range modelSlots {
			if !taken[slot] {
				return host, slot, true
			}
		}
	}
	return "", 0, false
}

// stop moves a row to stopping if the condition holds.
func (r *modelRow) stop(ok bool) bool {
	if r != nil && ok {
		r.state, r.client = Stopping, -1
		return true
	}
	return false
}

// TestStoreAgreesWithModel plays random histories against the store and the model.
func TestStoreAgreesWithModel(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		rapid.Check(t, func(rt *rapid.T) { playHistory(t, rt, db) })
	})
}

func playHistory(t *testing.T, rt *rapid.T, db *database.DB) {
	ctx := t.Context()
	if _, err := db.ExecContext(ctx, `DELETE FROM sessions`); err != nil {
		rt.Fatal(err)
	}
	st := NewStore(db, time.Minute)
	m := &model{rows: make(map[int64]*modelRow)}
	nobody := int64(1 << 30)
	pick := func(rt *rapid.T) (int64, *modelRow) {
		ids := []int64{nobody}
		for id := range m.rows {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		id := rapid.SampledFrom(ids).Draw(rt, "session")
		return id, m.rows[id]
	}
	agree := func(rt *rapid.T, what string, got bool, err error, want bool) {
		if err != nil || got != want {
			rt.Fatalf("%s = %t, %v; the model says %t", what, got, err, want)
		}
	}
	is := func(r *modelRow, states ...State) bool {
		for _, s := range states {
			if r != nil && r.state == s {
				return true
			}
		}
		return false
	}
	rt.Repeat(map[string]func(*rapid.T){
		"claim": func(rt *rapid.T) {
			i := rapid.IntRange(0, 5).Draw(rt, "client")
			host, slot, room := m.place()
			s, err := st.Claim(ctx, claimOf(i))
			switch {
			case m.of(i) != nil:
				if !errors.Is(err, errTaken) {
					rt.Fatalf("Claim = %+v, %v; the client has a session", s, err)
				}
			case !room:
				if _, full := errors.AsType[*FullError](err); !full {
					rt.Fatalf("Claim = %+v, %v; there is no room", s, err)
				}
			case err != nil || s.Host != host || s.Slot != slot || s.Port != 100+slot || s.State != Claimed:
				rt.Fatalf("Claim = %+v, %v; want %s slot %d", s, err, host, slot)
			default:
				m.rows[s.ID] = &modelRow{client: i, host: host, slot: slot, state: Claimed}
			}
		},
		"advance": func(rt *rapid.T) {
			id, r := pick(rt)
			ok, err := st.MarkStarting(ctx, id, "")
			agree(rt, "Advance", ok, err, is(r, Claimed, Starting))
			if ok {
				r.state = Starting
			}
		},
		"confirm": func(rt *rapid.T) {
			id, r := pick(rt)
			ok, err := st.Confirm(ctx, id)
			agree(rt, "Confirm", ok, err, is(r, Starting))
			if ok {
				r.state, r.old, r.idle = Running, false, false
			}
		},
		"touch": func(rt *rapid.T) {
			i := rapid.IntRange(0, 5).Draw(rt, "client")
			r := m.of(i)
			ok, err := st.Touch(ctx, clientOf(i).identity())
			agree(rt, "Touch", ok, err, is(r, Running))
			if ok {
				r.idle = false
			}
		},
		"stop": func(rt *rapid.T) {
			id, r := pick(rt)
			expected := rapid.SampledFrom([]State{Claimed, Starting, Running}).Draw(rt, "expected")
			ok, err := st.Stop(ctx, id, expected)
			agree(rt, "Stop", ok, err, r.stop(is(r, expected)))
		},
		"stop idle": func(rt *rapid.T) {
			id, r := pick(rt)
			ok, err := st.StopIdle(ctx, id, 10*time.Minute)
			agree(rt, "StopIdle", ok, err, r.stop(is(r, Running) && r.idle))
		},
		"stop overdue": func(rt *rapid.T) {
			id, r := pick(rt)
			ok, err := st.StopOverdue(ctx, id)
			agree(rt, "StopOverdue", ok, err, r.stop(is(r, Claimed, Starting) && r.old))
		},
		"delete": func(rt *rapid.T) {
			id, r := pick(rt)
			ok, err := st.Delete(ctx, id)
			agree(rt, "Delete", ok, err, is(r, Claimed, Starting, Stopping))
			if ok {
				delete(m.rows, id)
			}
		},
		"time passes": func(rt *rapid.T) {
			id, r := pick(rt)
			if r == nil {
				return
			}
			_, err := db.ExecContext(ctx, `UPDATE sessions SET started = `+db.SecondsAgo()+`, lastUsed = NULL WHERE id = ?`, 3600, id)
			if err != nil {
				rt.Fatal(err)
			}
			r.old, r.idle = true, true
		},
		"": func(rt *rapid.T) {
			all, err := st.All(ctx)
			if err != nil || len(all) != len(m.rows) {
				rt.Fatalf("All = %d rows, %v; the model has %d", len(all), err, len(m.rows))
			}
			for _, s := range all {
				r := m.rows[s.ID]
				if r == nil || s.State != r.state || (s.Identity == nil) != (r.client < 0) || s.Overdue != r.old {
					rt.Fatalf("session %+v; the model has %+v", s, r)
				}
			}
		},
	})
}

func clientOf(i int) Client { return Client{IP: fmt.Sprintf("192.0.2.%d", i), UserAgent: "AmiFox"} }

func claimOf(i int) claim {
	return claim{
		client: new(clientOf(i)), token: randomHex(20), nonce: randomHex(16), ports: portRange{start: 100}, strategy: hosts.FillHost,
		hosts:     []hosts.Load{{Host: "a", Max: modelSlots}, {Host: "b", Max: modelSlots}},
		isForeign: func(string) func(int) bool { return func(int) bool { return false } },
	}
}
