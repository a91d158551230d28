package hosts

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	dialStdio = "docker system dial-stdio"

	// maxStdio keeps us below sshd's default MaxSessions of 10.
	maxStdio = 8
)

// dialStdio connects to the Docker engine by a command, when one of the
// connection's few sessions is free.
func (c *connection) dialStdio(ctx context.Context) (net.Conn, error) {
	select {
	case c.stdio <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a free SSH session: %w", ctx.Err())
	}
	nc, err := c.startStdio(func() { <-c.stdio })
	if err != nil {
		<-c.stdio
		return nil, err
	}
	return nc, nil
}

func (c *connection) startStdio(release func()) (*stdioConn, error) {
	s, err := c.NewSession()
	if err != nil {
		return nil, err
	}
	nc := &stdioConn{session: s, release: release}
	s.Stderr = &nc.stderr
	var inErr, outErr error
	var out io.Reader
	nc.in, inErr = s.StdinPipe()
	out, outErr = s.StdoutPipe()
	nc.out = bufio.NewReader(out)
	if err := errors.Join(inErr, outErr); err != nil {
		s.Close()
		return nil, err
	}
	if err := s.Start(dialStdio); err != nil {
		s.Close()
		return nil, err
	}
	return nc, nil
}

// A stderrPrefix keeps the beginning of what a command wrote to its standard error.
// It is safe for concurrent use.
type stderrPrefix struct {
	mu   sync.Mutex
	text []byte
}

const (
	maxStderr   = 256
	maxGreeting = 64
)

// Write implements [io.Writer].
func (p *stderrPrefix) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = append(p.text, b[:min(len(b), maxStderr-len(p.text))]...)
	return len(b), nil
}

// String returns the beginning.
func (p *stderrPrefix) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.TrimSpace(string(p.text))
}

// A stdioConn makes a connection of a command's standard input and output.
type stdioConn struct {
	in      io.WriteCloser
	out     *bufio.Reader
	begun   bool // the first answer has begun
	session *ssh.Session
	stderr  stderrPrefix
	release func()
	closing sync.Once
}

// A talkingShellError means that something else than Docker answered first, as
// shells do whose start-up files print a greeting.
type talkingShellError struct{ text string }

// Error quotes what was said.
func (e talkingShellError) Error() string {
	return fmt.Sprintf("the host prints %q before Docker answers: what its shell reads at the start (.bashrc), "+
		"or the key's command=, must print nothing", e.text)
}

// Read returns what the command wrote to its standard error instead of EOF, if
// it wrote something: "docker: command not found" explains more. It returns
// [talkingShellError] if what comes first is no answer of an engine.
func (c *stdioConn) Read(b []byte) (int, error) {
	if !c.begun {
		if err := c.begin(); err != nil {
			return 0, err
		}
		c.begun = true
	}
	n, err := c.out.Read(b)
	if errors.Is(err, io.EOF) {
		if text := c.stderr.String(); text != "" {
			err = fmt.Errorf("%w: %s", io.ErrUnexpectedEOF, text)
		}
	}
	return n, err
}

// begin waits for the first bytes, and looks at them.
func (c *stdioConn) begin() error {
	const answer = "HTTP/"
	head, _ := c.out.Peek(len(answer)) // an error comes again
	if strings.HasPrefix(answer, string(head)) {
		return nil
	}
	text, _ := c.out.Peek(min(c.out.Buffered(), maxGreeting))
	return talkingShellError{strings.TrimSpace(string(text))}
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

// SetDeadline always fails. Contexts end the Docker client's requests.
func (c *stdioConn) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline always fails.
func (c *stdioConn) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline always fails.
func (c *stdioConn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// LocalAddr implements [net.Conn].
func (c *stdioConn) LocalAddr() net.Addr { return noAddr{} }

// RemoteAddr implements [net.Conn].
func (c *stdioConn) RemoteAddr() net.Addr { return noAddr{} }

// noAddr is an address that no host has.
type noAddr struct{}

// Network implements [net.Addr].
func (noAddr) Network() string { return "tcp" }

// String implements [net.Addr].
func (noAddr) String() string { return "0.0.0.0:0" }
