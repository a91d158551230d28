package hosts

import (
	"context"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
)

// dialSocket opens a connection to a Unix socket of the host.
func (c *connection) dialSocket(ctx context.Context, path string) (net.Conn, error) {
	return c.open(ctx, "direct-streamlocal@openssh.com", ssh.Marshal(struct {
		Path      string
		Reserved0 string
		Reserved1 uint32
	}{Path: path}))
}

// dialTCP opens a connection to a port that the host can reach.
func (c *connection) dialTCP(ctx context.Context, address string, port int) (net.Conn, error) {
	return c.open(ctx, "direct-tcpip", ssh.Marshal(struct {
		Address string
		Port    uint32
		From    string
		FromNo  uint32
	}{Address: address, Port: uint32(port), From: net.IPv4zero.String()}))
}

// open opens a channel that is a connection. [ssh.Client] does the same, but keeps a
// goroutine with 8 KiB for each, to read what only commands have: a standard error.
func (c *connection) open(ctx context.Context, kind string, payload []byte) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	type result struct {
		conn net.Conn
		err  error
	}
	opened := make(chan result)
	go func() { // ends with the connection, at the latest
		conn, err := c.openConn(kind, payload)
		select {
		case opened <- result{conn, err}:
		case <-ctx.Done():
			if err == nil {
				conn.Close()
			}
		}
	}()
	select {
	case r := <-opened:
		return r.conn, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *connection) openConn(kind string, payload []byte) (net.Conn, error) {
	ch, requests, err := c.OpenChannel(kind, payload)
	if err != nil {
		return nil, err
	}
	go ssh.DiscardRequests(requests) // ends with the channel
	return channelConn{Channel: ch}, nil
}

// serve answers what the host asks of us: no to everything.
func serve(channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	for channels != nil || requests != nil {
		select {
		case ch, ok := <-channels:
			if !ok {
				channels = nil
				continue
			}
			_ = ch.Reject(ssh.UnknownChannelType, "unknown channel type") // fails with the connection
		case r, ok := <-requests:
			if !ok {
				requests = nil
				continue
			}
			if r.WantReply {
				_ = r.Reply(false, nil) // so does this
			}
		}
	}
}

// A channelConn is a connection over a channel.
type channelConn struct {
	ssh.Channel
	channelLimits
}

// channelLimits is what a channel lacks to be a [net.Conn].
type channelLimits struct{}

// SetDeadline always fails. Contexts end the Docker client's requests.
func (channelLimits) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline always fails.
func (channelLimits) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline always fails.
func (channelLimits) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// LocalAddr implements [net.Conn].
func (channelLimits) LocalAddr() net.Addr { return noAddr{} }

// RemoteAddr implements [net.Conn].
func (channelLimits) RemoteAddr() net.Addr { return noAddr{} }

// noAddr is an address that no host has.
type noAddr struct{}

// Network implements [net.Addr].
func (noAddr) Network() string { return "tcp" }

// String implements [net.Addr].
func (noAddr) String() string { return "0.0.0.0:0" }
