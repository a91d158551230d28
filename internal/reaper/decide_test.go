package reaper

import (
	"testing"
	"time"

	"wrpdistributor/internal/session"
)

func TestDecide(t *testing.T) {
	running, paused, absent := finding{running: true}, finding{running: true, paused: true}, finding{}
	confirmed := func(f finding) finding { f.inspected = true; return f }
	in := func(state session.State, change ...func(*row)) row {
		r := row{&session.Session{ID: 1, State: state, ContainerID: "c"}, false, false}
		for _, c := range change {
			c(&r)
		}
		return r
	}
	overdue := func(r *row) { r.Overdue = true }
	frozen := func(r *row) { r.Frozen = true }
	unused := func(r *row) { r.idle = true }
	tooOld := func(r *row) { r.old = true }
	noID := func(r *row) { r.ContainerID = "" }

	for _, tt := range []struct {
		name string
		row  row
		find finding
		want action
	}{
		{"claim under way", in(session.Claimed, noID), absent, leave},
		{"claim overdue", in(session.Claimed, noID, overdue), absent, rollBack},
		{"start under way, not created", in(session.Starting, noID), absent, leave},
		{"start under way, created", in(session.Starting), running, leave},
		{"start overdue, not created", in(session.Starting, noID, overdue), absent, rollBack},
		{"start overdue, though it runs", in(session.Starting, overdue), running, rollBack},
		{"warm-up under way", in(session.Warming), running, leave},
		{"warm-up overdue", in(session.Warming, overdue), running, rollBack},
		{"stop, container runs", in(session.Stopping), running, finishStop},
		{"stop, container is paused", in(session.Stopping), paused, finishStop},
		{"stop, container is gone", in(session.Stopping), absent, finishStop},
		{"stop, may still be created", in(session.Stopping, noID), absent, leave},
		{"stop, may still be created, though listed", in(session.Stopping, noID), running, leave},
		{"stop, cannot be created any more", in(session.Stopping, noID, overdue), absent, finishStop},
		{"runs", in(session.Running), running, leave},
		{"has run for long", in(session.Running, overdue), running, leave},
		{"idle", in(session.Running, overdue, unused), running, stopIdle},
		{"idle and frozen", in(session.Running, unused, frozen), paused, stopIdle},
		{"idle and dead", in(session.Running, unused), absent, stopIdle},
		{"too old, though used", in(session.Running, tooOld), running, stopOld},
		{"too old and dead", in(session.Running, tooOld), absent, stopOld},
		{"too old and idle", in(session.Running, tooOld, unused), running, stopIdle},
		{"not listed", in(session.Running), absent, inspect},
		{"not listed, overdue", in(session.Running, overdue), absent, inspect},
		{"not listed, but runs", in(session.Running), confirmed(running), leave},
		{"dead", in(session.Running), confirmed(absent), stopDead},
		{"dead while frozen", in(session.Running, frozen), confirmed(absent), stopDead},
		{"frozen", in(session.Running, frozen), paused, leave},
		{"about to be frozen", in(session.Running, frozen), running, leave},
		{"listed as paused", in(session.Running), paused, inspect},
		{"paused, and should not be", in(session.Running), confirmed(paused), unfreeze},
		{"waits", in(session.Warm), running, leave},
		{"has waited for long", in(session.Warm, overdue), running, leave},
		{"waits, not listed", in(session.Warm, overdue), absent, inspect},
		{"waits, dead", in(session.Warm), confirmed(absent), stopDead},
		{"waits, paused", in(session.Warm), confirmed(paused), unfreeze},
	} {
		opt := Options{Idle: time.Minute}
		if got := decide(tt.row, tt.find, opt); got != tt.want {
			t.Errorf("%s: decide = %q, want %q", tt.name, got, tt.want)
		}
		opt.DryRun, opt.NoOrphans = true, true
		if got := decide(tt.row, tt.find, opt); got != tt.want {
			t.Errorf("%s, dry run without orphans: decide = %q, want %q", tt.name, got, tt.want)
		}
		opt.All = true
		if got := decide(tt.row, tt.find, opt); got != stop {
			t.Errorf("%s, all: decide = %q, want %q", tt.name, got, stop)
		}
	}
}
