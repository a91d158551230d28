package hosts

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// serveSSH returns a connection to an SSH server, and how to log in there. What becomes of a
// login is serve's.
func serveSSH(t *testing.T, serve func(*ssh.ServerConn, <-chan ssh.NewChannel, <-chan *ssh.Request)) (net.Conn, *ssh.ClientConfig) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	must(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0") // both ends of a [net.Pipe] would wait to be heard first
	must(t, err)
	t.Cleanup(func() { ln.Close() })
	server := &ssh.ServerConfig{NoClientAuth: true}
	server.AddHostKey(signer)
	go func() {
		theirs, err := ln.Accept()
		if err != nil {
			return
		}
		conn, channels, requests, err := ssh.NewServerConn(theirs, server)
		if err != nil {
			return // the client's side of it fails too
		}
		serve(conn, channels, requests)
	}()
	ours, err := net.Dial("tcp", ln.Addr().String())
	must(t, err)
	t.Cleanup(func() { ours.Close() })
	return ours, &ssh.ClientConfig{HostKeyCallback: ssh.FixedHostKey(signer.PublicKey())}
}

// mute returns a connection to a server that never says whether a channel opens.
func mute(t *testing.T) *connection {
	t.Helper()
	ours, config := serveSSH(t, func(_ *ssh.ServerConn, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
		go ssh.DiscardRequests(requests)
		for range channels { // and no answer
		}
	})
	conn, channels, requests, err := ssh.NewClientConn(ours, "mute", config)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	go ssh.DiscardRequests(requests)
	go func() {
		for range channels {
		}
	}()
	return &connection{Conn: conn, raw: &netConn{}, ended: make(chan struct{})}
}

// TestHostOpensNothingHere: its sshd is somebody's whom nobody knows, and the connection ours.
func TestHostOpensNothingHere(t *testing.T) {
	t.Parallel()
	type answer struct {
		asked string
		taken bool
	}
	answers := make(chan answer)
	ours, config := serveSSH(t, func(conn *ssh.ServerConn, _ <-chan ssh.NewChannel, _ <-chan *ssh.Request) {
		defer close(answers)
		for _, kind := range []string{"session", "forwarded-tcpip", "direct-tcpip", "forwarded-streamlocal@openssh.com", "auth-agent@openssh.com", "x11"} {
			_, _, err := conn.OpenChannel(kind, nil)
			_, refused := errors.AsType[*ssh.OpenChannelError](err)
			answers <- answer{"a channel of kind " + kind, !refused}
		}
		for _, name := range []string{"tcpip-forward", "hostkeys-00@openssh.com", "keepalive@openssh.com"} {
			taken, _, err := conn.SendRequest(name, true, nil)
			answers <- answer{"a request " + name, taken || err != nil}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := handshake(ctx, &netConn{Conn: ours}, "host", config)
	must(t, err)
	defer conn.Close()
	asked := 0
	for a := range answers {
		asked++
		if a.taken {
			t.Errorf("%s is not refused", a.asked)
		}
	}
	if asked != 9 {
		t.Errorf("%d answers, want 9", asked)
	}
}

// TestLateDialDoesNotSeeNextWay: what still dials by the first way to the engine, when its
// time has passed, has nothing to do with the second. The race detector would say so.
func TestLateDialDoesNotSeeNextWay(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	c := mute(t)
	must(t, c.chooseTransport(ctx, slog.New(slog.DiscardHandler), ""))
	if !errors.Is(c.noWay, context.DeadlineExceeded) {
		t.Errorf("ways that are never open: %v, want that their time passed", c.noWay)
	}
}
