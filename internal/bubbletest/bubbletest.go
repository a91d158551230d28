// Package bubbletest runs tests in bubbles of testing/synctest.
//
// Until Go 1.27 the race detector crashes when the timers of one bubble run on two
// processors at once: https://github.com/golang/go/issues/78156. While there are bubbles,
// goroutines run on one processor.
package bubbletest

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
)

var all struct {
	sync.Mutex
	bubbles    int // that there are
	processors int // when there were none
}

// Run is [synctest.Test].
func Run(t *testing.T, f func(*testing.T)) {
	t.Helper()
	begin()
	defer end()
	synctest.Test(t, f)
}

func begin() {
	all.Lock()
	defer all.Unlock()
	if all.bubbles == 0 {
		all.processors = runtime.GOMAXPROCS(1)
	}
	all.bubbles++
}

func end() {
	all.Lock()
	defer all.Unlock()
	all.bubbles--
	if all.bubbles == 0 {
		runtime.GOMAXPROCS(all.processors)
	}
}
