package hosts

import "sync/atomic"

// A StateChange is a host that went down, or came up.
type StateChange struct {
	Host   string
	State  State  // Up, or one for which [State.IsDown] holds; NoImage: up, but for that
	Reason string // why it is down
}

// SetObserver has fn told of each change from now on, also when a host that is down is so
// for another reason. It is called by several goroutines at once, and must not wait.
func (p *Pool) SetObserver(fn func(StateChange)) { p.common.observer.fn.Store(&fn) }

// An observer is who is told of changes, if anybody.
type observer struct {
	fn atomic.Pointer[func(StateChange)]
}

// tellObserver tells of the host as it is now. h.mu is held.
func (h *host) tellObserver() {
	if fn := h.observer.fn.Load(); fn != nil {
		state, reason := h.condition()
		(*fn)(StateChange{Host: h.Name, State: state, Reason: reason})
	}
}
