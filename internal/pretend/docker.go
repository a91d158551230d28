package pretend

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
)

// A dockerServer serves the Docker API to whoever dials it within the process.
type dockerServer struct {
	server *http.Server
	socket *socket
}

// newDockerServer serves the API of engine.
func newDockerServer(engine *engine, faults *faults, tasks *tasks) *dockerServer {
	d := &dockerServer{
		socket: &socket{calls: make(chan net.Conn), closed: make(chan struct{})},
		server: &http.Server{
			Handler:     newAPI(engine, faults, tasks),
			ErrorLog:    log.New(io.Discard, "", 0),
			BaseContext: func(net.Listener) context.Context { return tasks.ctx },
		},
	}
	tasks.spawn(func() { d.server.Serve(d.socket) })
	return d
}

// dial opens a connection, as to a Unix socket.
func (d *dockerServer) dial() (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case d.socket.calls <- far:
		return near, nil
	case <-d.socket.closed:
		near.Close()
		far.Close()
		return nil, net.ErrClosed
	}
}

func (d *dockerServer) close() {
	d.socket.Close() // the server may not know it yet
	d.server.Close()
}

// A socket is a listener within the process.
type socket struct {
	calls  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// Accept returns the next connection.
func (s *socket) Accept() (net.Conn, error) {
	select {
	case nc := <-s.calls:
		return nc, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

// Close ends accepting. Connections go on.
func (s *socket) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// Addr returns the path that clients know.
func (s *socket) Addr() net.Addr { return &net.UnixAddr{Name: dockerSocket, Net: "unix"} }
