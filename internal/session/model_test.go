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
	rows    map[int64]*modelRow
	endings map[int]string // by client
}

type modelRow struct {
	client int // -1: nobody's
	host   string
	slot   int
	state  State
	old    bool // started longer ago than a start may take
	idle   bool
}

const (
	modelSlots   = 2 // of each of two hosts
	modelMost    = 2 // sessions of the one account
	firstOfModel = 3 // client of the account; those before have none
)

// ofAccount returns how many sessions the account has.
func (m *model) ofAccount() (n int) {
	for _, r := range m.rows {
		if r.client >= firstOfModel {
			n++
		}
	}
	return n
}

// end stops a row as [modelRow.stop], and remembers why if the client is to be told.
func (m *model) end(r *modelRow, ok bool, why string) bool {
	if r != nil && ok && r.client >= firstOfModel && why != startOverdue {
		m.endings[r.client] = why
	}
	return r.stop(ok)
}

func modelClient(i int) Client {
	if i < firstOfModel {
		return clientOf(i)
	}
	return AccountUser("anna", fmt.Sprint("device", i), modelMost)
}

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
	for _, table := range []string{"sessions", "endings"} {
		if _, err := db.ExecContext(ctx, `DELETE FROM `+table); err != nil {
			rt.Fatal(err)
		}
	}
	st := NewStore(db, time.Minute)
	m := &model{rows: make(map[int64]*modelRow), endings: make(map[int]string)}
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
	session := func(rt *rapid.T, id int64) *Session {
		s, err := st.ByID(ctx, id)
		if errors.Is(err, ErrNotFound) {
			return &Session{ID: id}
		}
		if err != nil {
			rt.Fatal(err)
		}
		return s
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
			c := claimOf(i)
			c.client = new(modelClient(i))
			s, err := st.Claim(ctx, c)
			switch {
			case m.of(i) != nil:
				if !errors.Is(err, errTaken) {
					rt.Fatalf("Claim = %+v, %v; the client has a session", s, err)
				}
			case i >= firstOfModel && m.ofAccount() >= modelMost:
				if _, tooMany := errors.AsType[*TooManyError](err); !tooMany {
					rt.Fatalf("Claim = %+v, %v; the account has %d sessions", s, err, modelMost)
				}
			case !room:
				if _, full := errors.AsType[*FullError](err); !full {
					rt.Fatalf("Claim = %+v, %v; there is no room", s, err)
				}
			case err != nil || s.Host != host || s.Slot != slot || s.Port != 100+slot || s.State != Claimed:
				rt.Fatalf("Claim = %+v, %v; want %s slot %d", s, err, host, slot)
			default:
				m.rows[s.ID] = &modelRow{client: i, host: host, slot: slot, state: Claimed}
				delete(m.endings, i)
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
			ok, err := st.Touch(ctx, modelClient(i).identity())
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
		"end": func(rt *rapid.T) {
			id, r := pick(rt)
			expected := rapid.SampledFrom([]State{Claimed, Starting, Running}).Draw(rt, "expected")
			why := rapid.SampledFrom([]string{byClient, byOperator}).Draw(rt, "why")
			ok, err := st.end(ctx, session(rt, id), why, `id = ? AND state = ?`, id, expected)
			agree(rt, "end", ok, err, m.end(r, is(r, expected), why))
		},
		"stop idle": func(rt *rapid.T) {
			id, r := pick(rt)
			ok, err := st.StopIdle(ctx, session(rt, id), 10*time.Minute)
			agree(rt, "StopIdle", ok, err, m.end(r, is(r, Running) && r.idle, notUsed))
		},
		"stop overdue": func(rt *rapid.T) {
			id, r := pick(rt)
			ok, err := st.StopOverdue(ctx, id)
			agree(rt, "StopOverdue", ok, err, m.end(r, is(r, Claimed, Starting) && r.old, startOverdue))
		},
		"forget host": func(rt *rapid.T) {
			host := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "host")
			var want int64
			for id, r := range m.rows {
				if r.host == host {
					want++
					m.end(r, true, hostForgotten)
					delete(m.rows, id)
				}
			}
			n, err := st.Forget(ctx, host)
			agree(rt, "Forget", n == want, err, true)
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
				if r != nil && r.client >= 0 && s.Account != modelClient(r.client).account {
					rt.Fatalf("session %+v; the model has %+v", s, r)
				}
				if r == nil || s.State != r.state || (s.Identity == nil) != (r.client < 0) || s.Overdue != r.old {
					rt.Fatalf("session %+v; the model has %+v", s, r)
				}
			}
			for i := range 6 {
				e, err := st.lastEnding(ctx, modelClient(i).identity())
				if why := m.endings[i]; (why == "") != errors.Is(err, ErrNotFound) || err == nil && e.Why != e.tell(why) {
					rt.Fatalf("client %d: the last ending is %+v, %v; the model has %q", i, e, err, why)
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
