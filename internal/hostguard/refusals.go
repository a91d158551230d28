package hostguard

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Refusals are logged as they come, until there are many: then one a second, with how many
// there were beside it. It is safe for concurrent use.
type refusals struct {
	log *slog.Logger

	mu     sync.Mutex
	left   int // of those that may be logged as they come
	next   time.Time
	unsaid int
}

const (
	refusalBurst = 20
	refusalPause = time.Second
)

func newRefusals(log *slog.Logger) *refusals { return &refusals{log: log, left: refusalBurst} }

// maxSaid is how much of a target is logged.
const maxSaid = 200

// note logs a refusal, or counts it.
func (f *refusals) note(r *http.Request, err error) {
	unsaid, say := f.count(time.Now())
	if !say {
		return
	}
	target := r.RequestURI
	attrs := []any{"method", r.Method[:min(len(r.Method), maxSaid)], "target", target[:min(len(target), maxSaid)], "err", err}
	if unsaid > 0 {
		attrs = append(attrs, "more", unsaid)
	}
	f.log.Warn("refused", attrs...)
}

// count reports whether a refusal at that time is to be logged, and how many before it
// were not.
func (f *refusals) count(now time.Time) (unsaid int, say bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.left < refusalBurst && now.After(f.next) {
		f.left++
		f.next = f.next.Add(refusalPause)
	}
	if f.left == 0 {
		f.unsaid++
		return 0, false
	}
	if f.left == refusalBurst {
		f.next = now.Add(refusalPause)
	}
	f.left--
	unsaid, f.unsaid = f.unsaid, 0
	return unsaid, true
}
