package hosts

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A silence says how long the other side of a connection may give no sign of life.
type silence struct {
	ask time.Duration // before it is asked for one
	end time.Duration // before the connection ends
}

const (
	askAfter = 3 * time.Second
	endAfter = 8 * time.Second
)

// A netConn knows that it has ended before its user does. The SSH library tells
// its channels of the end while the connection still looks usable, and whoever
// opens a channel then waits for ever.
type netConn struct {
	net.Conn
	ended    atomic.Bool
	received atomic.Int64 // bytes, which prove that the other side lives
}

// Read implements [net.Conn].
func (c *netConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.received.Add(int64(n))
	if err != nil {
		c.ended.Store(true)
	}
	return n, err
}

// A progress is how far a connection has come.
type progress struct{ received, acknowledged int64 }

// progress returns how far the connection has come. Bytes that the other side's
// kernel acknowledged count only while more wait behind them: a question that waits
// there too cannot have been answered yet. Once all has arrived an sshd that hangs
// has no excuse, though its kernel lives.
func (c *netConn) progress() progress {
	return progress{received: c.received.Load(), acknowledged: c.acknowledged()}
}

func (c *netConn) acknowledged() (n int64) {
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok {
		return 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0 // it is closed
	}
	_ = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil && info.Unacked+info.Notsent_bytes > 0 {
			n = int64(info.Bytes_acked)
		}
	})
	return n
}

// since reports whether the other side gave a sign of life after before.
func (p progress) since(before progress) bool {
	return p.received > before.received || p.acknowledged > before.acknowledged && before.acknowledged > 0
}

// A questioner asks the other side for signs of life, for all who want one.
type questioner struct {
	mu     sync.Mutex
	next   chan struct{} // closed when the question that is about to be put is answered; nil: none is
	asking sync.Mutex    // one question at a time
}

// answered returns what is closed when the other side has answered a question that
// was put after the call, or when the connection has ended. What comes through the
// same connection in the other direction stands before that answer.
func (c *connection) answered() <-chan struct{} {
	q := &c.questions
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next == nil {
		q.next = make(chan struct{})
		go c.put(q.next) // ends with the connection, at the latest
	}
	return q.next
}

func (c *connection) put(answered chan struct{}) {
	defer close(answered)
	q := &c.questions
	q.asking.Lock()
	defer q.asking.Unlock()
	q.mu.Lock()
	q.next = nil
	q.mu.Unlock()
	// The reply's content does not matter, sshd refuses the request politely.
	_, _, _ = c.SendRequest("keepalive@openssh.com", true, nil)
}

// keepAlive closes the connection when the other side gives no sign of life for
// too long. Any byte is one: on a slow line the answer to a question stands behind
// megabytes of pictures, in either direction.
func (c *connection) keepAlive(limit silence) {
	tick := time.NewTicker(limit.ask / 3)
	defer tick.Stop()
	alive, seen, asked := time.Now(), c.raw.progress(), false
	for {
		select {
		case <-c.ended:
			return
		case <-tick.C:
		}
		now := c.raw.progress()
		if now.since(seen) {
			alive, asked = time.Now(), false
		}
		seen = now
		switch silent := time.Since(alive); {
		case silent >= limit.end:
			c.Close()
			return
		case silent >= limit.ask && !asked:
			c.answered()
			asked = true
		}
	}
}
