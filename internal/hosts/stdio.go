package hosts

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
)

const dialStdio = "docker system dial-stdio"

// dialStdio connects to the Docker engine by a command.
func (c *connection) dialStdio(ctx context.Context) (net.Conn, error) {
	ch, err := c.openSession(ctx)
	if err != nil {
		return nil, err
	}
	nc := &stdioConn{
		channel: ch, out: bufio.NewReader(ch),
		stderrEnded: make(chan struct{}), inputEnded: make(chan struct{}),
	}
	go func() {
		<-ch.ended
		c.stdio.ended()
	}()
	go func() { // ends with the channel
		defer close(nc.stderrEnded)
		_, _ = io.Copy(&nc.stderrText, &ch.stderr)
	}()
	accepted, err := ch.SendRequest("exec", true, command(dialStdio))
	if err == nil && !accepted {
		err = errors.New("sshd does not run " + dialStdio)
	}
	if err != nil {
		nc.Close()
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
	*channel
	channelLimits
	out        *bufio.Reader
	begun      bool // the first answer has begun
	stderrText stderrPrefix

	stderrEnded chan struct{} // closed when the command has written all to it

	endOnce    sync.Once
	end        error         // of input; set before inputEnded is closed
	inputEnded chan struct{} // closed when Read has returned an error
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
	n, err := c.read(b)
	if err != nil {
		c.endOnce.Do(func() {
			c.end = err
			close(c.inputEnded)
		})
	}
	return n, err
}

func (c *stdioConn) read(b []byte) (int, error) {
	if !c.begun {
		if err := c.begin(); err != nil {
			return 0, err
		}
		c.begun = true
	}
	n, err := c.out.Read(b)
	if errors.Is(err, io.EOF) {
		<-c.stderrEnded // SSH has one end of input for both
		if text := c.stderrText.String(); text != "" {
			err = fmt.Errorf("%w: %s", io.ErrUnexpectedEOF, text)
		}
	}
	return n, err
}

// Write leaves it to Read to say how the command has ended: whoever sends a request to one that
// ends at once may find that out by either, and [net/http.Transport] reads all the time.
func (c *stdioConn) Write(b []byte) (int, error) {
	n, err := c.Channel.Write(b)
	if errors.Is(err, io.EOF) {
		select {
		case <-c.inputEnded:
			err = c.end
		case <-c.closed:
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

// Close ends the command. It may be called more than once.
func (c *stdioConn) Close() error {
	err := c.channel.Close()
	if errors.Is(err, io.EOF) {
		return nil // the command had ended by itself
	}
	return err
}
