package hosts

import (
	"sync"
	"time"
)

const (
	// parallelLogins is how many hosts are logged in to at once: a login takes
	// milliseconds of our own processors, and of a thousand at once none would be done
	// in its time.
	parallelLogins = 16

	// loginTurn is how long a login keeps others waiting. One that takes longer waits
	// for its host.
	loginTurn = 500 * time.Millisecond
)

// logins are those of a pool that are under way.
type logins struct{ turns chan struct{} }

func newLogins() *logins { return &logins{turns: make(chan struct{}, parallelLogins)} }

// begin waits until another login may begin. It is over when done is called, or, for
// those that wait, after its turn.
func (l *logins) begin() (done func()) {
	if l == nil {
		return func() {}
	}
	l.turns <- struct{}{}
	over := sync.OnceFunc(func() { <-l.turns })
	turn := time.AfterFunc(loginTurn, over)
	return func() { turn.Stop(); over() }
}
