package journal

import (
	"context"
	"time"
)

// Flush has what was noted until now written at once, and waits until it is, until the
// database has refused it, or for ctx: for who asks what happened a moment ago.
func (w *Writer) Flush(ctx context.Context) {
	if w == nil {
		return
	}
	select {
	case <-w.ask():
	case <-ctx.Done():
	}
}

// ask returns what is closed once all that was noted until now is written, or was tried.
func (w *Writer) ask() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked == nil {
		w.asked = make(chan struct{})
	}
	asked := w.asked
	if w.open.Err() != nil {
		w.release(w.takeAsked())
		return asked
	}
	select {
	case w.hurry <- struct{}{}:
	default: // somebody has asked for it already
	}
	w.begin() // also if there is nothing: who writes finds out
	return asked
}

// rest waits before something is written, unless somebody is in a hurry. At the end there
// is no time to wait.
func (w *Writer) rest(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.hurry:
	case <-w.open.Done():
	}
}

// takeAsked returns who waits, for the batch that has all that was noted. w.mu is held.
func (w *Writer) takeAsked() chan struct{} {
	asked := w.asked
	w.asked = nil
	return asked
}

// release lets those go on who have asked, if there are any.
func (*Writer) release(asked chan struct{}) {
	if asked != nil {
		close(asked)
	}
}
