package pretend

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"

	"wrpdistributor/internal/clock"
)

// An sshServer is the host's sshd.
type sshServer struct {
	config   Config
	listener *listener
	docker   *dockerServer
	tasks    *tasks
	server   *ssh.ServerConfig

	connections, channels atomic.Int64 // open now
	accepted, failed      atomic.Int64 // logins so far
}

// newSSHServer serves the connections that ln accepts.
func newSSHServer(config Config, keys keys, ln *listener, docker *dockerServer, tasks *tasks) *sshServer {
	s := &sshServer{config: config, listener: ln, docker: docker, tasks: tasks}
	s.server = &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-Pretend",
		PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if c.User() == user && bytes.Equal(key.Marshal(), keys.client.PublicKey().Marshal()) {
				return nil, nil
			}
			return nil, errors.New("this key may not log in")
		},
	}
	s.server.AddHostKey(keys.host)
	if keys.otherHost != nil {
		s.server.AddHostKey(keys.otherHost)
	}
	tasks.spawn(s.accept)
	return s
}

func (s *sshServer) accept() {
	for {
		nc, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of descriptors, say: that passes.
			_ = clock.Sleep(s.tasks.ctx, retryPause) // the next Accept looks at it
			continue
		}
		if !s.tasks.spawn(func() { s.serve(nc) }) {
			nc.Close()
		}
	}
}

// serve logs a client in and opens channels for it until the connection ends.
func (s *sshServer) serve(nc net.Conn) {
	defer nc.Close()
	_, channels, requests, err := ssh.NewServerConn(nc, s.server)
	if err != nil {
		s.failed.Add(1)
		return
	}
	s.accepted.Add(1)
	s.connections.Add(1)
	defer s.connections.Add(-1)
	var serving sync.WaitGroup
	defer serving.Wait()
	// Keep-alives are answered like all unknown requests: with a no.
	serving.Go(func() { ssh.DiscardRequests(requests) })
	sessions := new(atomic.Int64)
	for ch := range channels {
		serving.Go(func() { s.open(ch, sessions) })
	}
}

// open answers a client's request for a channel and serves it.
func (s *sshServer) open(ch ssh.NewChannel, sessions *atomic.Int64) {
	s.channels.Add(1)
	defer s.channels.Add(-1)
	switch ch.ChannelType() {
	case "direct-streamlocal@openssh.com":
		s.openSocket(ch)
	case "direct-tcpip":
		s.openPort(ch)
	case "session":
		defer sessions.Add(-1)
		if sessions.Add(1) > int64(s.config.MaxSessions) {
			ch.Reject(ssh.ConnectionFailed, "open failed")
			return
		}
		s.openSession(ch)
	default:
		ch.Reject(ssh.UnknownChannelType, "unknown channel type")
	}
}
