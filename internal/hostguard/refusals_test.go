package hostguard

import (
	"testing"
	"time"
)

// TestRefusalsDoNotFillTheLog: those of a moment are logged as they come, and of a flood one
// a second, with how many there were.
func TestRefusalsDoNotFillTheLog(t *testing.T) {
	f, now := newRefusals(nil), time.Now()
	count := func(n int) (said, unsaid int) {
		for range n {
			if u, say := f.count(now); say {
				said, unsaid = said+1, unsaid+u
			}
		}
		return said, unsaid
	}
	if said, unsaid := count(1000); said != refusalBurst || unsaid != 0 {
		t.Errorf("of a thousand at once %d are logged, %d counted", said, unsaid)
	}
	now = now.Add(refusalPause + time.Millisecond)
	if said, unsaid := count(1000); said != 1 || unsaid != 1000-refusalBurst {
		t.Errorf("a second later %d are logged, with %d more; want 1 with %d", said, unsaid, 1000-refusalBurst)
	}
	now = now.Add(time.Hour)
	if said, unsaid := count(1000); said != refusalBurst || unsaid != 999 {
		t.Errorf("an hour later %d are logged, with %d more", said, unsaid)
	}
}
