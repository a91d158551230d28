package reaper

import "wrpdistributor/internal/session"

// An action is what a pass does about one session, in words that complete the
// sentence "would ... session 7".
type action string

const (
	leave   action = ""
	inspect action = "inspect" // the container, and decide again

	stop     action = "stop"      // whoever uses it
	stopIdle action = "stop idle" // unless it is used meanwhile
	stopOld  action = "stop old"  // used or not

	// The repairs of what a crash left behind.
	rollBack   action = "roll back overdue" // its start took too long
	finishStop action = "finish stopping"   // its stop was cut off
	stopDead   action = "stop dead"         // its container is gone
	unfreeze   action = "unfreeze"          // its container is paused, and should not be
)

// reason says why a session is stopped for which an action was decided.
func (a action) reason() string {
	switch a {
	case stop:
		return "cleanup was told to stop all"
	case stopIdle:
		return "not used"
	case stopOld:
		return "it is older than MAX_SESSION_AGE"
	case rollBack:
		return "its start took too long"
	case finishStop:
		return "that was begun before"
	}
	return "its container is gone"
}

// A row is a session and what the database says of its use.
type row struct {
	*session.Session
	idle bool // unused for longer than [Options] allow
	old  bool // running for longer than they allow
}

// A finding is what a host says of a session's container.
type finding struct {
	running   bool // a paused one counts
	paused    bool
	inspected bool // false: a listing says so, which is older than the row and proves nothing
}

// decide says what to do about a session whose host can be asked. It asks nobody,
// so that a dry run and a real one decide alike.
func decide(r row, f finding, opt Options) action {
	switch {
	case opt.All:
		return stop
	case r.idle:
		return stopIdle
	case r.old:
		return stopOld
	}
	switch r.State {
	case session.Claimed, session.Starting, session.Warming:
		if r.Overdue {
			return rollBack
		}
	case session.Stopping:
		// Without an id a request to create the container may still be under way.
		if r.ContainerID != "" || r.Overdue {
			return finishStop
		}
	case session.Running, session.Warm:
		return decideByContainer(r, f)
	}
	return leave
}

// decideByContainer says what to do about a session that should have a container.
func decideByContainer(r row, f finding) action {
	isWell := f.running && (!f.paused || r.Frozen)
	switch {
	case isWell:
		return leave
	case !f.inspected:
		return inspect
	case f.running:
		return unfreeze
	}
	return stopDead
}
