package hoststest

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A Throttle is a slow line to a server: a TCP proxy that lets so many bytes a
// second through, each way, of all connections together.
type Throttle struct {
	Addr string // of the proxy

	server   string
	up, down *line
	accepted atomic.Int64
	frozen   chan struct{}
	freeze   sync.Once
	work     sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

// StartThrottle starts a slow line to the server at addr, with a port of the same
// address, of rate bytes a second,
// for as long as the test runs.
func StartThrottle(t testing.TB, addr string, rate int) *Throttle {
	t.Helper()
	frozen := make(chan struct{})
	th := &Throttle{server: addr, frozen: frozen, up: newLine(rate, frozen), down: newLine(rate, frozen)}
	config := net.ListenConfig{Control: likeEthernet}
	ip, _, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := config.Listen(t.Context(), "tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	th.Addr = ln.Addr().String()
	th.work.Go(func() { th.accept(ln) })
	t.Cleanup(func() {
		ln.Close()
		th.Freeze() // the line carries nothing any more
		th.mu.Lock()
		for _, c := range th.conns {
			c.Close()
		}
		th.mu.Unlock()
		th.work.Wait()
	})
	return th
}

// Connections returns how many connections have been made so far.
func (th *Throttle) Connections() int { return int(th.accepted.Load()) }

// Freeze cuts the line: nothing comes through any more, and nobody is told.
func (th *Throttle) Freeze() { th.freeze.Do(func() { close(th.frozen) }) }

func (th *Throttle) accept(ln net.Listener) {
	dialer := net.Dialer{Control: likeEthernet}
	for {
		client, err := ln.Accept()
		if err != nil {
			return // it was closed
		}
		server, err := dialer.Dial("tcp", th.server)
		if err != nil {
			client.Close()
			continue
		}
		th.accepted.Add(1)
		th.mu.Lock()
		th.conns = append(th.conns, client, server)
		th.mu.Unlock()
		th.work.Go(func() { th.up.copy(server, client) })
		th.work.Go(func() { th.down.copy(client, server) })
	}
}

// likeEthernet keeps a socket from holding seconds of a slow line in buffers and
// packets as large as the loopback's: what waits, waits with its sender.
func likeEthernet(_, _ string, raw syscall.RawConn) error {
	var err error
	ctlErr := raw.Control(func(fd uintptr) {
		for _, o := range []struct{ level, name, value int }{
			{unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1460}, {unix.SOL_SOCKET, unix.SO_RCVBUF, 4 << 10}, {unix.SOL_SOCKET, unix.SO_SNDBUF, 4 << 10},
		} {
			if err == nil {
				err = unix.SetsockoptInt(int(fd), o.level, o.name, o.value)
			}
		}
	})
	return errors.Join(err, ctlErr)
}

// A line is one direction of a slow line.
type line struct {
	chunk  int           // bytes at once
	takes  time.Duration // as long as a chunk takes
	frozen <-chan struct{}
	free   chan struct{} // holds one while no chunk is on the line
}

const chunksPerSecond = 20

func newLine(rate int, frozen <-chan struct{}) *line {
	l := &line{chunk: max(rate/chunksPerSecond, 1), takes: time.Second / chunksPerSecond, frozen: frozen, free: make(chan struct{}, 1)}
	l.free <- struct{}{}
	return l
}

// copy carries bytes until there are no more. A line that is cut takes them, and
// tells nobody.
func (l *line) copy(to io.WriteCloser, from io.Reader) {
	b := make([]byte, l.chunk)
	for {
		n, err := from.Read(b)
		if !l.carry(n) {
			return
		}
		if n > 0 {
			_, writeErr := to.Write(b[:n])
			err = errors.Join(err, writeErr)
		}
		if err != nil {
			to.Close()
			return
		}
	}
}

// carry takes as long as n bytes take. It reports whether they arrive.
func (l *line) carry(n int) bool {
	<-l.free
	defer func() { l.free <- struct{}{} }()
	arrived := time.NewTimer(l.takes * time.Duration(n) / time.Duration(l.chunk))
	defer arrived.Stop()
	select {
	case <-arrived.C:
		return true
	case <-l.frozen:
		return false
	}
}
