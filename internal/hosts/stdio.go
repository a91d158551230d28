package hosts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	dockerSocket = "/var/run/docker.sock"
	dialStdio    = "docker system dial-stdio"

	// maxStdio keeps us below sshd's default MaxSessions of 10.
	maxStdio = 8
)

// chooseWay finds out how this connection reaches the Docker engine: over a
// channel to its socket, or else over the command made for it.
func (l *connection) chooseWay(ctx context.Context) error {
	socketErr := l.ping(ctx)
	if socketErr == nil {
		return nil
	}
	l.stdio = make(chan struct{}, maxStdio)
	stdioErr := l.ping(ctx)
	if stdioErr == nil {
		return nil
	}
	return fmt.Errorf("no way to the Docker engine (needs user in group docker, and a key that allows %s or %q): over the socket: %w; over the command: %w",
		dockerSocket, dialStdio, socketErr, stdioErr)
}

// runTrivial runs a command that does nothing. On a connection that never ran
// one, OpenSSH up to 9.2 leaves Nagle's algorithm on, and every new channel
// stalls for 43 ms. A key that allows no commands has the same effect.
func (l *connection) runTrivial() {
	if s, err := l.NewSession(); err == nil {
		_ = s.Run("true")
		s.Close()
	}
}

func (l *connection) ping(ctx context.Context) error {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return l.dialDocker(ctx)
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker.invalid/_ping", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the Docker engine answers %s", resp.Status)
	}
	return nil
}

func (l *connection) dialDocker(ctx context.Context) (net.Conn, error) {
	if l.stdio == nil {
		return l.DialContext(ctx, "unix", dockerSocket)
	}
	select {
	case l.stdio <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a free SSH session: %w", ctx.Err())
	}
	c, err := l.startStdio()
	if err != nil {
		<-l.stdio
		return nil, err
	}
	return c, nil
}

func (l *connection) startStdio() (*stdioConn, error) {
	s, err := l.NewSession()
	if err != nil {
		return nil, err
	}
	stderr := &stderrPrefix{}
	s.Stderr = stderr
	in, err := s.StdinPipe()
	if err != nil {
		s.Close()
		return nil, err
	}
	out, err := s.StdoutPipe()
	if err != nil {
		s.Close()
		return nil, err
	}
	if err := s.Start(dialStdio); err != nil {
		s.Close()
		return nil, err
	}
	return &stdioConn{Reader: out, in: in, session: s, stderr: stderr, release: func() { <-l.stdio }}, nil
}

// stderrPrefix keeps the beginning of what a command wrote to its standard error.
// It is safe for concurrent use.
type stderrPrefix struct {
	mu   sync.Mutex
	text []byte
}

const maxStderr = 256

// Write implements [io.Writer].
func (c *stderrPrefix) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = append(c.text, b[:min(len(b), maxStderr-len(c.text))]...)
	return len(b), nil
}

// String returns the beginning.
func (c *stderrPrefix) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.TrimSpace(string(c.text))
}

// A stdioConn makes a connection of a command's standard input and output.
type stdioConn struct {
	io.Reader
	in      io.WriteCloser
	session *ssh.Session
	stderr  *stderrPrefix
	release func()
	closing sync.Once
}

// Read adds the command's own words when it ended: "docker: command not found"
// says more than EOF.
func (c *stdioConn) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if errors.Is(err, io.EOF) {
		if said := c.stderr.String(); said != "" {
			err = fmt.Errorf("%w: %s", io.ErrUnexpectedEOF, said)
		}
	}
	return n, err
}

// Write implements [net.Conn].
func (c *stdioConn) Write(b []byte) (int, error) { return c.in.Write(b) }

// CloseWrite tells the command that nothing more comes.
func (c *stdioConn) CloseWrite() error { return c.in.Close() }

// Close ends the command. It may be called more than once.
func (c *stdioConn) Close() error {
	var err error
	c.closing.Do(func() {
		err = c.session.Close()
		c.release()
	})
	if errors.Is(err, io.EOF) {
		return nil // the command had ended by itself
	}
	return err
}

// SetDeadline always fails: contexts end the Docker client's requests.
func (c *stdioConn) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline always fails.
func (c *stdioConn) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline always fails.
func (c *stdioConn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// LocalAddr implements [net.Conn].
func (c *stdioConn) LocalAddr() net.Addr { return noAddr{} }

// RemoteAddr implements [net.Conn].
func (c *stdioConn) RemoteAddr() net.Addr { return noAddr{} }
