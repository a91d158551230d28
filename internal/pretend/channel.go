package pretend

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// retryPause is before the next try of what failed for a reason that passes.
const retryPause = 10 * time.Millisecond

// dockerSocket is the one socket of a host.
const dockerSocket = "/var/run/docker.sock"

// openSocket connects a channel to the Docker API. As with OpenSSH, what is
// forbidden looks like what is not there.
func (s *sshServer) openSocket(ch ssh.NewChannel) {
	var payload struct {
		Path      string
		Reserved0 string
		Reserved1 uint32
	}
	err := ssh.Unmarshal(ch.ExtraData(), &payload)
	if err != nil || s.config.ForbidSocket || payload.Path != dockerSocket {
		ch.Reject(ssh.ConnectionFailed, "open failed")
		return
	}
	nc, err := s.docker.dial()
	if err != nil {
		ch.Reject(ssh.ConnectionFailed, "open failed")
		return
	}
	connect(ch, nc, ssh.Channel.Close)
}

// openPort connects a channel to a port of this host.
func (s *sshServer) openPort(ch ssh.NewChannel) {
	var payload struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	err := ssh.Unmarshal(ch.ExtraData(), &payload)
	if err != nil || s.config.ForbidTCP {
		ch.Reject(ssh.Prohibited, "open failed")
		return
	}
	switch payload.Host {
	case "127.0.0.1", "localhost", s.config.Addr:
	default:
		// There is no network around a pretend host.
		ch.Reject(ssh.ConnectionFailed, "Name or service not known")
		return
	}
	addr := net.JoinHostPort(s.config.Addr, strconv.FormatUint(uint64(payload.Port), 10))
	var d net.Dialer
	nc, err := d.DialContext(s.tasks.ctx, "tcp4", addr)
	if err != nil {
		ch.Reject(ssh.ConnectionFailed, "Connection refused")
		return
	}
	connect(ch, nc, ssh.Channel.CloseWrite)
}

// connect accepts a channel and passes bytes between it and nc until it ends.
// It calls finish when nc has ended its side.
func connect(ch ssh.NewChannel, nc net.Conn, finish func(ssh.Channel) error) {
	defer nc.Close()
	channel, requests, err := ch.Accept()
	if err != nil {
		return
	}
	var discarding sync.WaitGroup
	discarding.Go(func() {
		// Requests end with the channel, from whichever side.
		ssh.DiscardRequests(requests)
		nc.Close()
	})
	copyBothWays(channel, nc, finish)
	channel.Close()
	discarding.Wait()
}

// copyBothWays passes bytes both ways until both sides have ended theirs. It calls
// finish when nc has.
func copyBothWays(channel ssh.Channel, nc net.Conn, finish func(ssh.Channel) error) {
	var ways sync.WaitGroup
	ways.Go(func() {
		io.Copy(nc, channel)
		if half, ok := nc.(interface{ CloseWrite() error }); ok {
			half.CloseWrite()
			return
		}
		nc.Close()
	})
	ways.Go(func() {
		io.Copy(channel, nc)
		finish(channel)
	})
	ways.Wait()
}

// openSession serves a session, which can run one command.
func (s *sshServer) openSession(ch ssh.NewChannel) {
	channel, requests, err := ch.Accept()
	if err != nil {
		return
	}
	var running sync.WaitGroup
	defer running.Wait()
	defer channel.Close()
	started := false
	for r := range requests {
		var payload struct{ Command string }
		switch {
		case r.Type == "env":
			r.Reply(true, nil)
		case r.Type == "exec" && !started && ssh.Unmarshal(r.Payload, &payload) == nil:
			started = true
			r.Reply(true, nil)
			running.Go(func() { s.run(payload.Command, channel) })
		default:
			r.Reply(false, nil)
		}
	}
}

// run carries out a command and ends its session.
func (s *sshServer) run(command string, channel ssh.Channel) {
	switch {
	case s.config.ForceDialStdio, isDialStdio(command) && !s.config.ForbidExec:
		s.dialStdio(channel)
	case s.config.ForbidExec:
		exit(channel, 1)
	case strings.TrimSpace(command) == "true":
		exit(channel, 0)
	default:
		fmt.Fprintf(channel.Stderr(), "sh: 1: %s: not found\n", command)
		exit(channel, 127)
	}
}

// dialStdio connects a session to the Docker API.
func (s *sshServer) dialStdio(channel ssh.Channel) {
	nc, err := s.docker.dial()
	if err != nil {
		exit(channel, 1)
		return
	}
	defer nc.Close()
	copyBothWays(channel, nc, func(channel ssh.Channel) error { return exit(channel, 0) })
}

// exit ends a session.
func exit(channel ssh.Channel, code uint32) error {
	channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
	return channel.Close()
}

// isDialStdio reports whether command is docker system dial-stdio, with options of
// docker or not.
func isDialStdio(command string) bool {
	args := strings.Fields(command)
	n := len(args)
	return n >= 3 && args[0] == "docker" && args[n-2] == "system" && args[n-1] == "dial-stdio"
}
