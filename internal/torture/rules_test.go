package torture

import (
	"slices"
	"testing"
	"time"
)

// TestRuleSeesWhatBreaksIt has a reading for every rule that breaks it, and those
// that only look like it.
func TestRuleSeesWhatBreaksIt(t *testing.T) {
	const ours = "database"
	running := func(id int64, slot int) row {
		return row{ID: id, State: "running", Host: "a", Slot: slot, Port: startPort + slot, Token: string(rune('A' + id)), Container: string(rune('a' + id)), Identity: string(rune('0' + id)), Started: time.Now()}
	}
	in := func(state string, r row) row { r.State = state; return r }
	of := func(r row, runs bool) container {
		return container{ID: r.Container, DatabaseID: ours, Session: r.ID, Token: r.Token, Running: runs}
	}
	one, two, three := running(1, 0), running(2, 1), running(3, 2)
	same := func(rows []row, list ...container) reading {
		return reading{before: rows, after: rows, rows: true, containers: map[string][]container{"a": list}}
	}
	waiting := func(s row) row { s.State, s.Identity = "warm", ""; return s }
	taken := in("warm", one)
	orphaned := one
	orphaned.Identity = ""
	sharedSlot, sharedPort, sharedClient, moved, sharedContainer := two, two, two, two, two
	sharedSlot.Slot, sharedSlot.Port = 0, startPort+2
	sharedPort.Port = startPort
	sharedClient.Identity = one.Identity
	moved.Slot, moved.Port = 2, startPort+2
	sharedContainer.Container = one.Container
	other := foreignContainer{"a", "s", "s", 0}
	for _, tt := range []struct {
		name     string
		readings []reading
		want     []string // keys
	}{
		{"in order", []reading{same([]row{one, two}, of(one, true), of(two, true))}, nil},
		{"nothing could be read", []reading{{}}, nil},
		{"one slot twice", []reading{same([]row{one, sharedSlot}, of(one, true), of(two, true))}, []string{"slot 0 of a"}},
		{"one port twice", []reading{same([]row{one, sharedPort}, of(one, true), of(two, true))}, []string{"place of C", "port 9090 of a"}},
		{"one client twice", []reading{same([]row{one, sharedClient}, of(one, true), of(two, true))}, []string{"client 1"}},
		{"nobody's, runs", []reading{same([]row{orphaned}, of(one, true))}, []string{"nobody's B"}},
		{"nobody's, stopping", []reading{same([]row{in("stopping", orphaned)}, of(one, true))}, nil},
		{"one container twice", []reading{same([]row{one, sharedContainer}, of(one, true))}, []string{"container b"}},
		{"too many rows", []reading{same([]row{one, two, in("stopping", three)}, of(one, true), of(two, true))}, []string{"place of D", "rows of a"}},
		{"slot above the limit", []reading{same([]row{moved}, of(moved, true))}, []string{"place of C"}},
		{"does not run", []reading{same([]row{one}, of(one, false))}, []string{"running B"}},
		{"is not there", []reading{same([]row{one})}, []string{"running B"}},
		{"is not there, host not seen", []reading{{before: []row{one}, after: []row{one}, rows: true}}, nil},
		{"stopped in between", []reading{{before: []row{one}, after: []row{in("stopping", one)}, rows: true, containers: map[string][]container{"a": nil}}}, nil},
		{"starting, not there yet", []reading{same([]row{in("starting", one)})}, nil},
		{"killed", []reading{same([]row{running(9, 0)})}, nil},
		{"runs without a row, once", []reading{same(nil, of(one, true)), same(nil)}, nil},
		{"runs without a row", []reading{same(nil, of(one, true)), same(nil, of(one, true))}, []string{"unknown b"}},
		{"runs without a row, then another", []reading{same(nil, of(one, true)), same(nil, of(two, true))}, nil},
		{"created without a row", []reading{same(nil, of(one, false)), same(nil, of(one, false))}, nil},
		{"as many wait as may", []reading{same([]row{waiting(one)}, of(one, true))}, nil},
		{"too many wait", []reading{same([]row{waiting(one), in("warming", waiting(two))}, of(one, true), of(two, true))}, []string{"waiting on a"}},
		{"waits, and has a client", []reading{same([]row{taken}, of(one, true))}, []string{"somebody's B"}},
		{"waits and does not run", []reading{same([]row{waiting(one)}, of(one, false))}, []string{"running B"}},
		{"waited and was taken, does not run", []reading{{before: []row{waiting(one)}, after: []row{in("starting", one)}, rows: true, containers: map[string][]container{"a": nil}}}, nil},
		{"another database's", []reading{same(nil, container{ID: "x", DatabaseID: "other", Token: "x", Session: 1, Running: true}), same(nil, container{ID: "x", DatabaseID: "other", Token: "x", Session: 1, Running: true})}, nil},
		{"one session, two containers", []reading{same([]row{one}, of(one, true), container{ID: "z", DatabaseID: ours, Session: 1, Token: "z"})}, []string{"twice 1"}},
		{"above the limit", []reading{same([]row{in("stopping", one), in("stopping", two)}, of(one, true), of(two, true), of(three, true))}, []string{"limit of a"}},
		{"foreign there", []reading{{foreign: []foreignContainer{other}, containers: map[string][]container{"a": {{ID: "s", Running: true}}}}}, nil},
		{"foreign stopped", []reading{{foreign: []foreignContainer{other}, containers: map[string][]container{"a": {{ID: "s"}}}}}, []string{"foreign s"}},
		{"foreign gone", []reading{{foreign: []foreignContainer{other}, containers: map[string][]container{"a": nil}}}, []string{"foreign s"}},
		{"foreign not seen", []reading{{foreign: []foreignContainer{other}}}, nil},
	} {
		j := &judge{
			databaseID: ours, limits: map[string]int{"a": 2}, warm: 1, exact: true,
			killed:    func(token string) bool { return token == running(9, 0).Token },
			disturbed: func(time.Time) bool { return false },
		}
		var got []string
		for i, r := range tt.readings {
			r.at = time.Unix(int64(i), 0)
			for _, f := range j.judge(r) {
				got = append(got, f.key)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: found %q, want %q", tt.name, got, tt.want)
		}
	}
}
