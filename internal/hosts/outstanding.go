package hosts

import "sync"

// maxOutstanding is how many requests to open and close channels may be without an answer. sshd
// answers in less time than a round trip, but for a container that does not read: that channel
// is closed when the container has ended.
const maxOutstanding = 500

// outstanding are the requests to open and close channels that sshd has not answered yet. A
// channel and a goroutine wait for each.
type outstanding struct {
	mu            sync.Mutex
	probes        int // how often sshd was asked something to see whether it answers that
	probing       bool
	older, recent int // made before the last probe, and since
}

// expectAnswer counts one more request until it is answered. Too many have sshd probed.
func (c *connection) expectAnswer() (answered func()) {
	o := &c.outstanding
	o.mu.Lock()
	defer o.mu.Unlock()
	o.recent++
	madeAfter := o.probes
	if o.older+o.recent > maxOutstanding && !o.probing {
		o.probing = true
		o.probes++
		o.older, o.recent = o.older+o.recent, 0
		go c.probe() // ends with the connection, at the latest
	}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if madeAfter == o.probes {
			o.recent--
		} else {
			o.older--
		}
	}
}

// probe ends the connection if sshd answers a question, and not what it was asked before.
func (c *connection) probe() {
	<-c.answered()
	o := &c.outstanding
	o.mu.Lock()
	o.probing = false
	leaks := o.older > maxOutstanding/2
	o.mu.Unlock()
	if leaks {
		c.abort("sshd answers later questions, but not hundreds of requests to open or close channels")
	}
}

// abort ends a connection whose host does what no sshd does.
func (c *connection) abort(reason string) {
	c.aborting.Do(func() {
		c.log.Warn("SSH connection aborted", "reason", reason)
		c.Close()
	})
}
