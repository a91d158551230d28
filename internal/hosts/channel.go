package hosts

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// dialSocket opens a connection to a Unix socket of the host.
func (c *connection) dialSocket(ctx context.Context, path string) (net.Conn, error) {
	ch, err := c.open(ctx, "direct-streamlocal@openssh.com", noPort, ssh.Marshal(struct {
		Path      string
		Reserved0 string
		Reserved1 uint32
	}{Path: path}))
	if err != nil {
		return nil, err
	}
	return channelConn{channel: ch}, nil
}

// dialTCP opens a connection to a port that the host can reach.
func (c *connection) dialTCP(ctx context.Context, address string, port int) (net.Conn, error) {
	if err := c.unread.await(ctx, port); err != nil {
		return nil, err
	}
	ch, err := c.open(ctx, "direct-tcpip", port, ssh.Marshal(struct {
		Address string
		Port    uint32
		From    string
		FromNo  uint32
	}{Address: address, Port: uint32(port), From: net.IPv4zero.String()}))
	if err != nil {
		return nil, err
	}
	go ch.closeOnStderr() // ends with the channel
	return channelConn{channel: ch}, nil
}

// closeOnStderr closes a channel to a port if the host writes to its standard error. OpenSSH
// never does, others may that could not connect, and what nobody reads stays in memory. A host
// has few channels to its engine, where that is not looked at.
func (ch *channel) closeOnStderr() {
	if n, _ := ch.stderr.Read(make([]byte, 1)); n > 0 {
		ch.Close()
	}
}

// open opens a channel that is to be a connection. [ssh.Client] does the same, but keeps
// 8 KiB for each to read what only commands have: a standard error.
func (c *connection) open(ctx context.Context, kind string, port int, payload []byte) (*channel, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	type result struct {
		ch  *channel
		err error
	}
	opened := make(chan result)
	go func() { // ends with the connection, at the latest
		ch, err := c.openChannel(kind, port, payload)
		select {
		case opened <- result{ch, err}:
		case <-ctx.Done():
			if err == nil {
				ch.Close()
			}
		}
	}()
	select {
	case r := <-opened:
		return r.ch, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// noPort is that of channels that lead to none.
const noPort = 0

// A channel is one of a connection. What the host asks of it is ignored.
type channel struct {
	ssh.Channel
	conn    *connection
	port    int           // or noPort
	ended   chan struct{} // closed when the host has closed it, or the connection has ended
	closing sync.Once
	closed  chan struct{} // closed by Close

	// Of several readers the library would wake one only when the end comes.
	output, stderr lockedReader
}

// A lockedReader is read by one at a time.
type lockedReader struct {
	mu   sync.Mutex
	from io.Reader
}

// Read implements [io.Reader].
func (r *lockedReader) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.from.Read(b)
}

// openChannel opens a channel. It waits for the host's answer, or the connection's end.
func (c *connection) openChannel(kind string, port int, payload []byte) (*channel, error) {
	if c.raw.ended.Load() {
		return nil, c.explain(net.ErrClosed)
	}
	answered := c.expectAnswer()
	ch, requests, err := c.OpenChannel(kind, payload)
	answered()
	if err != nil {
		return nil, c.explain(err)
	}
	opened := &channel{Channel: ch, conn: c, port: port, ended: make(chan struct{}), closed: make(chan struct{})}
	opened.output.from, opened.stderr.from = ch, ch.Stderr()
	go func() { // ends with the channel
		defer close(opened.ended)
		ssh.DiscardRequests(requests)
	}()
	return opened, nil
}

// Read implements [io.Reader].
func (ch *channel) Read(b []byte) (int, error) { return ch.output.Read(b) }

// Close implements [io.Closer]. It may be called more than once.
func (ch *channel) Close() error {
	ch.closing.Do(func() {
		close(ch.closed)
		go ch.drain(ch.expectEnd())
	})
	return ch.Channel.Close()
}

// expectEnd counts the channel until the host has closed it, too. To a port it may be the
// container that keeps it from that.
func (ch *channel) expectEnd() (ended func()) {
	if ch.port != noPort {
		return ch.conn.unread.add(ch.port)
	}
	return ch.conn.expectAnswer()
}

// drain reads what the host sends until it has closed the channel, too: the library keeps all of
// it.
func (ch *channel) drain(ended func()) {
	defer ended()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		_, _ = io.Copy(io.Discard, &ch.output)
		_, _ = io.Copy(io.Discard, &ch.stderr)
		select {
		case <-ch.ended:
			return
		case <-tick.C: // more may come after an end that was only said
		}
	}
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
	*channel
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
