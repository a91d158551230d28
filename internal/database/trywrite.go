package database

import (
	"context"
	"time"
)

// freshWrite is for how long a write answers who asks for one to be tried.
const freshWrite = time.Second

// Try says why the database takes no writes now: by the last write if that is a second old
// or failed, else by one that it has made at once and waits for. The end of ctx is an answer
// as well: a write that does not come to its end is none.
//
// So it knows of a lock that others have kept for a moment what [Heartbeat.Err] learns with
// the next write. However many ask, there is one write at a time.
func (h *Heartbeat) Try(ctx context.Context) error {
	h.mu.Lock()
	known := h.err == nil && time.Since(h.last) < freshWrite || !h.since.IsZero()
	err, ended := h.err, h.ended
	if !known {
		select {
		case h.soon <- struct{}{}:
		default: // somebody has asked already
		}
	}
	h.mu.Unlock()
	if known {
		return err
	}
	select {
	case <-ctx.Done():
		return h.where.Reason(ctx.Err())
	case <-ended:
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// answer lets those go on who wait for a write; mu is held. Who has asked meanwhile is one
// of them.
func (h *Heartbeat) answer() {
	close(h.ended)
	h.ended = make(chan struct{})
	select {
	case <-h.soon:
	default:
	}
}

// rest waits until the next write is due, or somebody asks for one.
func (h *Heartbeat) rest(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	case <-h.soon:
	}
	return nil
}
