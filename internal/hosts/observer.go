package hosts

import "sync/atomic"

// A Change is a host that went down, or came up.
type Change struct {
	Host   string
	State  State  // Up, or one for which [State.IsDown] holds; NoImage: up, but for that
	Reason string // why it is down
}

// SetObserver has fn told of each change from now on, also when a host that is down is so
// for another reason. It is called by several goroutines at once, and must not wait.
func (p *Pool) SetObserver(fn func(Change)) { p.observer.fn.Store(&fn) }

// An observer is who is told of changes, if anybody.
type observer struct{ fn atomic.Pointer[func(Change)] }

// tellObserver tells of the host as it is now. h.mu is held.
func (h *host) tellObserver() {
	if fn := h.observer.fn.Load(); fn != nil {
		state, reason := h.condition()
		(*fn)(Change{Host: h.Name, State: state, Reason: reason})
	}
}
