package hosts

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// How many requests may be without an answer that open channels, or close others than those to
// ports. sshd answers as soon as it has read them, or has connected to a port.
const (
	manyOutstanding = 500    // it is looked whether they are answered
	maxOutstanding  = 10_000 // of which each takes memory, and a goroutine

	// answerTime is how much later sshd may answer them than a question.
	answerTime = 10 * time.Second
)

var errLeaksChannels = errors.New("sshd answers later questions, but not hundreds of requests to open or close channels")

// outstanding are such requests that sshd has not answered yet.
type outstanding struct {
	mu      sync.Mutex
	since   map[*time.Time]struct{}
	checked bool // by a goroutine, at the moment
}

// expectAnswer counts one more request until it is answered. Of too many it is looked whether
// they are ever.
func (c *connection) expectAnswer() (answered func()) {
	o := &c.outstanding
	made := time.Now()
	o.mu.Lock()
	if o.since == nil {
		o.since = make(map[*time.Time]struct{})
	}
	o.since[&made] = struct{}{}
	n := len(o.since)
	if n > manyOutstanding && !o.checked {
		o.checked = true
		go c.checkOutstanding() // ends with the connection, at the latest
	}
	o.mu.Unlock()
	if n > maxOutstanding {
		c.abort(errLeaksChannels)
	}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.since, &made)
	}
}

// checkOutstanding ends the connection if sshd answers a question, and not what it was asked
// long before.
func (c *connection) checkOutstanding() {
	begun := time.Now()
	<-c.answered() // so it has read what was asked until now
	select {
	case <-time.After(answerTime):
	case <-c.ended:
		return
	}
	<-c.answered()
	o := &c.outstanding
	o.mu.Lock()
	defer o.mu.Unlock()
	o.checked = false
	old := 0
	for made := range o.since {
		if !made.After(begun) {
			old++
		}
	}
	if old > manyOutstanding/2 {
		c.abort(errLeaksChannels)
	}
}

// abort ends a connection whose host does what no sshd does.
func (c *connection) abort(reason error) {
	if !c.raw.ended.Load() && c.aborted.CompareAndSwap(nil, &reason) {
		go c.Close() // which may have to wait for what it writes
	}
}

// explain returns why a request to open a channel failed: err, and why the connection was
// aborted, if it was.
func (c *connection) explain(err error) error {
	if reason := c.aborted.Load(); reason != nil {
		return fmt.Errorf("%w (%w)", *reason, err)
	}
	return err
}
