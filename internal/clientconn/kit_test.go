package clientconn_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"wrpdistributor/internal/clientconn"
)

const stall = 90 * time.Second

// A line is one end of a connection within the process, each side of which can be ended
// alone, and which can be reset.
type line struct {
	net.Conn          // what is read
	out      net.Conn // what is written
	broken   *atomic.Bool
}

func newLine() (client, server *line) {
	toServer, fromClient := net.Pipe()
	toClient, fromServer := net.Pipe()
	broken := new(atomic.Bool)
	return &line{fromServer, toServer, broken}, &line{fromClient, toClient, broken}
}

func (l *line) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if errors.Is(err, io.EOF) && l.broken.Load() {
		err = syscall.ECONNRESET
	}
	return n, err
}

func (l *line) Write(b []byte) (int, error)        { return l.out.Write(b) }
func (l *line) SetWriteDeadline(t time.Time) error { return l.out.SetWriteDeadline(t) }
func (l *line) CloseWrite() error                  { return l.out.Close() }
func (l *line) Close() error                       { return errors.Join(l.Conn.Close(), l.out.Close()) }

func (l *line) SetDeadline(t time.Time) error {
	return errors.Join(l.SetReadDeadline(t), l.SetWriteDeadline(t))
}

// reset ends both sides at once.
func (l *line) reset() {
	l.broken.Store(true)
	l.Close()
}

// lines is a listener for lines.
type lines struct {
	conns  chan net.Conn
	closed context.Context
	close  context.CancelFunc
}

func newLines() *lines {
	l := &lines{conns: make(chan net.Conn)}
	l.closed, l.close = context.WithCancel(context.Background())
	return l
}

func (l *lines) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed.Done():
		return nil, net.ErrClosed
	}
}

func (l *lines) Close() error   { l.close(); return nil }
func (l *lines) Addr() net.Addr { return &net.UnixAddr{Name: "line", Net: "line"} }

// A bench is an HTTP server on a listener, with the time limits of the distributor's.
type bench struct {
	*clientconn.Listener
	lines *lines
}

func serve(t *testing.T, config *tls.Config, h http.HandlerFunc) *bench {
	t.Helper()
	b := &bench{lines: newLines()}
	b.Listener = &clientconn.Listener{Listener: b.lines, Stall: stall, TLS: config}
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		ConnContext: clientconn.NewContext, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	done := make(chan error)
	go func() { done <- srv.Serve(b.Listener) }()
	t.Cleanup(func() { srv.Close(); <-done })
	return b
}

// A client is a connection, over TLS or not, that said something.
type client struct {
	*line
	t    *testing.T
	over interface {
		net.Conn
		CloseWrite() error
	}
	r *bufio.Reader
}

func (b *bench) say(t *testing.T, text string) *client {
	t.Helper()
	near, far := newLine()
	b.lines.conns <- far
	c := &client{line: near, t: t, over: near}
	if b.TLS != nil {
		c.over = tls.Client(near, &tls.Config{InsecureSkipVerify: true})
	}
	t.Cleanup(func() { near.Close() })
	_, err := io.WriteString(c.over, text)
	must(t, err)
	c.r = bufio.NewReaderSize(c.over, 16) // so small that what is not read stays where it is
	return c
}

// answer reads an answer to its end.
func (c *client) answer() (code int, body string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	must(c.t, err)
	text, err := io.ReadAll(resp.Body)
	must(c.t, err)
	return resp.StatusCode, string(text)
}

// ends waits for the end of the connection.
func (c *client) ends() (took time.Duration) {
	begin := time.Now()
	_, _ = io.Copy(io.Discard, c.r)
	return time.Since(begin)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
