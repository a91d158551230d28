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

// mute returns a connection to a server that never says whether a channel opens.
func mute(t *testing.T) *connection {
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
		_, channels, requests, err := ssh.NewServerConn(theirs, server)
		if err != nil {
			return // the client's side of it fails too
		}
		go ssh.DiscardRequests(requests)
		for range channels { // and no answer
		}
	}()
	ours, err := net.Dial("tcp", ln.Addr().String())
	must(t, err)
	conn, channels, requests, err := ssh.NewClientConn(ours, "mute", &ssh.ClientConfig{HostKeyCallback: ssh.FixedHostKey(signer.PublicKey())})
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	go ssh.DiscardRequests(requests)
	go func() {
		for range channels {
		}
	}()
	return &connection{Conn: conn, raw: &netConn{}, ended: make(chan struct{})}
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
