// Package clientconn decides when a client has left, and when it is waited for no
// longer. It does so on the connections of a listener, below all HTTP, so that
// whatever is served there has it.
//
// A write to a client may take as long as the client takes any of it. One that takes
// nothing for the listener's Stall is reset.
//
// A client that ends its side of the connection after a request has not left: it may
// have said all that it has to say, and wait for the answer. Its request goes on, until
// writing to it fails or there was nothing to write for [HalfClosedTimeout]. A client
// that resets the connection has left, and net/http cancels its request. Over TLS
// close_notify is the end of a side.
//
// Line ends that a client sends before a request, as old ones do after a body, are left
// out. They would make a server refuse what comes next.
package clientconn

import (
	"crypto/tls"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// HalfClosedTimeout is how long a request of a client that ended its side may
	// have nothing to write.
	HalfClosedTimeout = time.Minute

	// hurryTimeout is how long a client may take or send nothing once the process is
	// about to end.
	hurryTimeout = 2 * time.Second

	handshakeTimeout = 10 * time.Second

	// maxUnsent bounds what the kernel keeps of an answer beyond what is on its way. It
	// may grow to megabytes else, and to nobody's good: it is not known of any of it
	// whether the client takes it.
	maxUnsent = 128 << 10
)

// A Listener accepts connections as the package comment describes them. The server
// must set a read deadline whenever it reads a request, and none when it only waits
// for its client to leave, as net/http does if it has timeouts for headers, bodies and
// idle connections. A Listener is safe for concurrent use.
type Listener struct {
	net.Listener
	Stall time.Duration // how long a client may take nothing of what is written to it
	TLS   *tls.Config   // nil: plain connections

	mu      sync.Mutex
	links   map[*link]struct{} // nil: none yet
	hurried bool
}

// Accept implements [net.Listener].
func (l *Listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		// A kernel that does not know it only keeps more.
		_ = control(tcp, func(fd int) error {
			return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent)
		})
	}
	below := &link{Conn: nc, listener: l}
	l.add(below)
	c := &Conn{Conn: below, link: below}
	if l.TLS == nil {
		return c, nil
	}
	return newTLSConn(c, l.TLS), nil
}

// Hurry is for a process that is about to end: from now on clients that take or send
// nothing are waited for only a moment. Who takes an answer slowly is not cut.
func (l *Listener) Hurry() {
	l.mu.Lock()
	l.hurried = true
	links := make([]*link, 0, len(l.links))
	for c := range l.links {
		links = append(links, c)
	}
	l.mu.Unlock()
	for _, c := range links {
		c.hurry()
	}
}

func (l *Listener) isHurried() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hurried
}

// patience is how long a client may take nothing.
func (l *Listener) patience() time.Duration {
	if l.isHurried() {
		return min(hurryTimeout, l.Stall)
	}
	return l.Stall
}

func (l *Listener) add(c *link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.links == nil {
		l.links = make(map[*link]struct{})
	}
	l.links[c] = struct{}{}
}

func (l *Listener) remove(c *link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.links, c)
}

// control calls fn with the socket of a connection.
func control(tcp *net.TCPConn, fn func(fd int) error) error {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = fn(int(fd)) }); err != nil {
		return err
	}
	return inner
}
