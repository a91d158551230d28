package hostguard

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
)

// ServeConn answers one client, that writes to in and reads from out, until it or ctx ends.
func (g *Guard) ServeConn(ctx context.Context, in io.Reader, out io.Writer) error {
	one := *g
	one.alone = true
	near, far := net.Pipe() // has deadlines, which what we were started with may not have
	copied := make(chan error, 1)
	go func() { // ends with the process if in does not
		_, _ = io.Copy(near, in) // the end of either is the end of the connection
		near.Close()
	}()
	go func() {
		_, err := io.Copy(out, near)
		near.Close()
		if errors.Is(err, io.ErrClosedPipe) { // the client has ended, and so did we
			err = nil
		}
		copied <- err
	}()
	srv := one.server()
	ln := &oneConn{conn: far, ended: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	srv.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			ln.Close()
		}
	}
	err := srv.Serve(ln)
	far.Close()
	if written := <-copied; err == nil || errors.Is(err, net.ErrClosed) || errors.Is(err, http.ErrServerClosed) {
		err = written
	}
	return err
}

// A oneConn is a listener to which one client comes.
type oneConn struct {
	mu    sync.Mutex
	conn  net.Conn
	ended chan struct{}
	once  sync.Once
}

// Accept returns the connection, and the next time waits for its end.
func (l *oneConn) Accept() (net.Conn, error) {
	l.mu.Lock()
	conn := l.conn
	l.conn = nil
	l.mu.Unlock()
	if conn != nil {
		return conn, nil
	}
	<-l.ended
	return nil, net.ErrClosed
}

// Close ends the wait.
func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.ended) })
	return nil
}

// Addr implements [net.Listener].
func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{Net: "unix"} }
