package hosts

import "sync"

// maxOwed is how many answers to the opening and closing of channels sshd may owe. It gives them
// in less time than a round trip, but for a container that does not read: that channel is closed
// when the container has ended.
const maxOwed = 500

// debts are the answers that sshd owes. A channel and a goroutine wait for each.
type debts struct {
	mu        sync.Mutex
	asked     int // how many times sshd was asked something to see whether it answers that
	asking    bool
	old, late int // owed since before the last time, and since then
}

// owe counts one more answer that sshd owes, until settle is called. Too many have a question
// put to it.
func (c *connection) owe() (settle func()) {
	d := &c.debts
	d.mu.Lock()
	defer d.mu.Unlock()
	d.late++
	since := d.asked
	if d.old+d.late > maxOwed && !d.asking {
		d.asking = true
		d.asked++
		d.old, d.late = d.old+d.late, 0
		go c.demand() // ends with the connection, at the latest
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if since == d.asked {
			d.late--
		} else {
			d.old--
		}
	}
}

// demand ends the connection if sshd answers a question, and not what it was asked before.
func (c *connection) demand() {
	<-c.answered()
	d := &c.debts
	d.mu.Lock()
	d.asking = false
	owes := d.old > maxOwed/2
	d.mu.Unlock()
	if owes {
		c.giveUp("sshd neither opens nor closes hundreds of channels, and answers all else")
	}
}

// giveUp ends a connection whose host does what no sshd does.
func (c *connection) giveUp(why string) {
	c.givingUp.Do(func() {
		c.log.Warn("SSH connection ended: the host does what no sshd does", "why", why)
		c.Close()
	})
}
