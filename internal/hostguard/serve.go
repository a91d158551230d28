package hostguard

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	maxConns   = 100 // at once; others wait until one ends
	maxHeader  = 8 << 10
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	endTime    = 5 * time.Second // for requests under way when the guard ends
)

func (g *Guard) server() *http.Server {
	return &http.Server{
		Handler: g, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(io.Discard, "", 0), // it quotes clients
	}
}

// Serve answers at ln until ctx is done. Requests under way have a moment to end, for what
// lasts is asked again.
func (g *Guard) Serve(ctx context.Context, ln net.Listener) error {
	srv := g.server()
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		limited, cancel := context.WithTimeout(context.Background(), endTime)
		defer cancel()
		if srv.Shutdown(limited) != nil {
			srv.Close()
		}
	})
	err := srv.Serve(&limitedListener{Listener: ln, places: make(chan struct{}, maxConns)})
	if !stop() {
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// A limitedListener has few connections at once.
type limitedListener struct {
	net.Listener
	places chan struct{}
}

// Accept waits for a place, and a connection for it.
func (l *limitedListener) Accept() (net.Conn, error) {
	l.places <- struct{}{}
	nc, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placedConn{Conn: nc, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// A placedConn gives its place back when it ends.
type placedConn struct {
	net.Conn
	leave func()
}

// Close implements [net.Conn].
func (c *placedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
