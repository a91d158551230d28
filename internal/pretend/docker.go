package pretend

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// A dockerServer serves the Docker API to whoever dials it within the process.
type dockerServer struct {
	server   *http.Server
	listener *pipeListener
	stopped  atomic.Bool // nobody serves
}

// newDockerServer serves the API of engine.
func newDockerServer(engine *engine, faults *faults, tasks *tasks) *dockerServer {
	d := &dockerServer{
		listener: &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})},
		server: &http.Server{
			Handler:     newAPI(engine, faults, tasks),
			ErrorLog:    log.New(io.Discard, "", 0),
			BaseContext: func(net.Listener) context.Context { return tasks.ctx },
		},
	}
	tasks.spawn(func() { d.server.Serve(d.listener) })
	return d
}

// dial opens a connection, as to a Unix socket.
func (d *dockerServer) dial() (net.Conn, error) {
	if d.stopped.Load() {
		return nil, net.ErrClosed
	}
	near, far := net.Pipe()
	select {
	case d.listener.conns <- far:
		return near, nil
	case <-d.listener.closed:
		near.Close()
		far.Close()
		return nil, net.ErrClosed
	}
}

// setStopped makes connections be refused, or not, and ends those without a request.
func (d *dockerServer) setStopped(stopped bool) {
	d.stopped.Store(stopped)
	d.server.SetKeepAlivesEnabled(!stopped)
}

func (d *dockerServer) close() {
	d.listener.Close() // the server may not know it yet
	d.server.Close()
}

// A pipeListener is a listener within the process.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// Accept returns the next connection.
func (s *pipeListener) Accept() (net.Conn, error) {
	select {
	case nc := <-s.conns:
		return nc, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

// Close ends accepting. Connections go on.
func (s *pipeListener) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// Addr returns the path that clients know.
func (s *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: dockerSocket, Net: "unix"} }
