package clientconn

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A link is what a connection is made of, below TLS if there is any: a TLS connection
// of which one write timed out is of no more use.
type link struct {
	net.Conn
	listener *Listener

	mu         sync.Mutex
	readUntil  time.Time // as the server has it; zero: no limit
	writeUntil time.Time // the same
	acked      uint64    // bytes of which the client said that it has them
	asked      bool      // for that number
	writing    int       // writes under way
	moved      time.Time // when the client was last seen to take something, or a write began; zero: never
}

// Write implements [net.Conn]. It may take several times the listener's patience, each
// with some progress.
func (l *link) Write(b []byte) (n int, err error) {
	defer l.beginWrite()()
	for {
		began := time.Now()
		if err := l.limitWrite(began); err != nil {
			return n, err
		}
		m, err := l.Conn.Write(b[n:])
		n += m
		l.wrote(m)
		switch {
		case !errors.Is(err, os.ErrDeadlineExceeded), l.writeIsOver():
			return n, err
		case !l.lastMove().After(began):
			l.reset()
			return n, err
		}
	}
}

// limitWrite gives the client time to take something.
func (l *link) limitWrite(now time.Time) error {
	patience := l.listener.patience()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Conn.SetWriteDeadline(earlier(now.Add(patience), l.writeUntil))
}

func (l *link) writeIsOver() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.writeUntil.IsZero() && !time.Now().Before(l.writeUntil)
}

func (l *link) wrote(n int) {
	if n == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moved = time.Now()
}

func (l *link) beginWrite() (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing++
	l.moved = time.Now()
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.writing--
	}
}

// lastMove returns when the client was last seen to take something, or when the write
// began. That bytes go into the kernel's buffer says so, but that none do does not say
// the contrary: there is room again only when a good part of the buffer is free. So the
// kernel is asked.
func (l *link) lastMove() time.Time {
	acked, known := l.countAcked()
	l.mu.Lock()
	defer l.mu.Unlock()
	if known && (!l.asked || acked != l.acked) {
		l.moved = time.Now()
	}
	l.acked, l.asked = acked, true
	return l.moved
}

// stalled returns for how long a write has waited for the client to take something.
func (l *link) stalled() time.Duration {
	last := l.lastMove()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writing == 0 {
		return 0
	}
	return time.Since(last)
}

// countAcked returns how many bytes the client's machine has received, if that can be
// known.
func (l *link) countAcked() (n uint64, ok bool) {
	tcp, ok := l.Conn.(*net.TCPConn)
	if !ok {
		return 0, false
	}
	err := control(tcp, func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			n = info.Bytes_acked
		}
		return err
	})
	return n, err == nil
}

// reset makes the connection end with a reset: the kernel keeps nothing for a client
// that takes nothing, and half an answer does not look complete.
func (l *link) reset() {
	if tcp, ok := l.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // else it ends a little later
	}
}

// hurry makes what waits for the client now wait for a moment only.
func (l *link) hurry() {
	soon := time.Now().Add(l.listener.patience())
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.Conn.SetWriteDeadline(earlier(soon, l.writeUntil)) // a connection that has ended waits for nothing
	if !l.readUntil.IsZero() {
		_ = l.Conn.SetReadDeadline(earlier(soon, l.readUntil))
	}
}

// SetReadDeadline implements [net.Conn].
func (l *link) SetReadDeadline(t time.Time) error {
	hurried := l.listener.isHurried()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readUntil = t
	if hurried && !t.IsZero() {
		t = earlier(t, time.Now().Add(hurryTimeout))
	}
	return l.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements [net.Conn].
func (l *link) SetWriteDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writeUntil = t
	return l.Conn.SetWriteDeadline(t)
}

// SetDeadline implements [net.Conn].
func (l *link) SetDeadline(t time.Time) error {
	return errors.Join(l.SetReadDeadline(t), l.SetWriteDeadline(t))
}

// CloseWrite ends our side, if it can be ended alone.
func (l *link) CloseWrite() error {
	if c, ok := l.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close implements [net.Conn].
func (l *link) Close() error {
	l.listener.remove(l)
	return l.Conn.Close()
}

// earlier returns the earlier of two times, of which b may be zero: never.
func earlier(a, b time.Time) time.Time {
	if !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
