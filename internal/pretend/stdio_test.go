package pretend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// stdio is a session that runs a command, as a connection.
type stdio struct {
	net.Conn // nil, for the methods that nobody calls
	io.Reader
	io.WriteCloser
	session *ssh.Session
}

func (s stdio) Read(p []byte) (int, error)  { return s.Reader.Read(p) }
func (s stdio) Write(p []byte) (int, error) { return s.WriteCloser.Write(p) }
func (s stdio) Close() error                { return s.session.Close() }

func dialStdio(c *ssh.Client, command string) (net.Conn, error) {
	session, err := c.NewSession()
	if err != nil {
		return nil, err
	}
	in, inErr := session.StdinPipe()
	out, outErr := session.StdoutPipe()
	if err := errors.Join(inErr, outErr, session.Start(command)); err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return stdio{nil, out, in, session}, nil
}

// TestDialStdio reaches the Docker API by command, which a locked-down key turns
// every command into.
func TestDialStdio(t *testing.T) {
	for _, tt := range []struct {
		config  Config
		command string
	}{
		{Config{}, "docker system dial-stdio"},
		{Config{ForbidSocket: true}, "docker -H unix:///var/run/docker.sock system dial-stdio"},
		{Config{ForceDialStdio: true, ForbidSocket: true}, "anything"},
	} {
		h := startHost(t, tt.config)
		c := login(t, h)
		cli := docker(t, func(context.Context) (net.Conn, error) { return dialStdio(c, tt.command) })
		for range 3 {
			if info, err := cli.Info(t.Context()); err != nil || info.ID != h.EngineID() {
				t.Errorf("info over %q = %q, %v, want %q", tt.command, info.ID, err, h.EngineID())
			}
		}
		cli.Close()
		eventually(t, "no channels", func() bool { return h.OpenChannels() == 0 })
	}
}

// TestDialStdioEnds checks that the command ends when the engine closes the connection.
func TestDialStdioEnds(t *testing.T) {
	session, err := login(t, startHost(t, Config{})).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, err := session.StdinPipe() // stays open
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start("docker system dial-stdio"); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(in, "GET /_ping HTTP/1.0\r\n\r\n")
	ended := make(chan error, 1)
	go func() { ended <- session.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		session.Close()
		t.Error("the command goes on")
	}
}
