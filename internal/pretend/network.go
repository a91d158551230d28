package pretend

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// A network is all that listens on one host. It can be taken down, and made
// unresponsive, as a whole.
type network struct {
	ip           string
	unresponsive stall

	mu        sync.Mutex // guards what follows and the listeners' own fields
	down      bool
	closed    bool
	listeners map[*listener]struct{}
}

func newNetwork(ip string) *network {
	return &network{ip: ip, listeners: make(map[*listener]struct{})}
}

// listen opens a port of the host, any free one if port is 0. Connections stand
// still while pause is shut; it may be nil.
func (n *network) listen(port int, pause *stall) (*listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, net.ErrClosed
	}
	ln, err := net.Listen("tcp4", net.JoinHostPort(n.ip, strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	l := &listener{
		network: n,
		addr:    ln.Addr().(*net.TCPAddr),
		stalls:  []*stall{&n.unresponsive},
		ln:      ln,
		changed: make(chan struct{}),
		conns:   make(map[*conn]struct{}),
	}
	if pause != nil {
		l.stalls = append(l.stalls, pause)
	}
	if n.down {
		l.interrupt()
	}
	n.listeners[l] = struct{}{}
	return l, nil
}

// setDown makes the host refuse connections and cuts those it has, or takes it
// back into service.
func (n *network) setDown(down bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down == down || n.closed {
		return nil
	}
	n.down = down
	var errs []error
	for l := range n.listeners {
		if down {
			l.interrupt()
		} else {
			errs = append(errs, l.resume())
		}
	}
	return errors.Join(errs...)
}

// close ends everything for good.
func (n *network) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for l := range n.listeners {
		l.end()
	}
}

// A listener is one open port of a host. It outlives times when the host is
// down. Its fields from ln on are guarded by network.mu.
type listener struct {
	network *network
	addr    *net.TCPAddr
	stalls  []*stall

	ln      net.Listener  // nil while the host is down
	changed chan struct{} // closed when ln is there again and at the end
	conns   map[*conn]struct{}
	closed  bool
}

// interrupt refuses and cuts connections. network.mu is held.
func (l *listener) interrupt() {
	if l.ln == nil {
		return
	}
	l.ln.Close()
	l.ln = nil
	l.cut()
}

// resume opens the port again. network.mu is held.
func (l *listener) resume() error {
	var err error
	// No other listener should use the port, but an outgoing connection may for a
	// moment.
	for range 50 {
		if l.ln, err = net.Listen("tcp4", l.addr.String()); err == nil {
			close(l.changed)
			l.changed = make(chan struct{})
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	l.ln = nil
	return fmt.Errorf("listen again: %w", err)
}

// cut breaks all connections. network.mu is held.
func (l *listener) cut() {
	for c := range l.conns {
		c.end()
	}
	clear(l.conns)
}

// end closes the listener and its connections. network.mu is held.
func (l *listener) end() {
	if l.closed {
		return
	}
	l.interrupt()
	l.closed = true
	close(l.changed)
	delete(l.network.listeners, l)
}

// Accept returns the next connection. It just waits while the host is down.
func (l *listener) Accept() (net.Conn, error) {
	for {
		ln, changed, closed := l.state()
		if closed {
			return nil, net.ErrClosed
		}
		if ln == nil {
			<-changed
			continue
		}
		nc, err := ln.Accept()
		if err != nil {
			if now, _, closed := l.state(); closed || now != ln {
				continue
			}
			return nil, err
		}
		if c := l.adopt(nc); c != nil {
			return c, nil
		}
	}
}

func (l *listener) state() (ln net.Listener, changed <-chan struct{}, closed bool) {
	l.network.mu.Lock()
	defer l.network.mu.Unlock()
	return l.ln, l.changed, l.closed
}

// adopt makes nc one of the listener's connections, or closes it and returns
// nil if there should be none now.
func (l *listener) adopt(nc net.Conn) *conn {
	l.network.mu.Lock()
	defer l.network.mu.Unlock()
	if l.ln == nil {
		nc.Close()
		return nil
	}
	c := &conn{Conn: nc, listener: l, gone: make(chan struct{})}
	l.conns[c] = struct{}{}
	return c
}

// Close closes the port and breaks its connections.
func (l *listener) Close() error {
	l.network.mu.Lock()
	defer l.network.mu.Unlock()
	l.end()
	return nil
}

// drop breaks the connections, and goes on listening.
func (l *listener) drop() {
	l.network.mu.Lock()
	defer l.network.mu.Unlock()
	l.cut()
}

// Addr returns the address that was listened on first.
func (l *listener) Addr() net.Addr { return l.addr }
