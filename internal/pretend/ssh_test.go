package pretend

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func TestLogin(t *testing.T) {
	h := startHost(t, Config{})
	other := startHost(t, Config{})
	for _, tt := range []struct {
		name   string
		change func(*ssh.ClientConfig)
		ok     bool
	}{
		{"all right", func(*ssh.ClientConfig) {}, true},
		{"another user", func(c *ssh.ClientConfig) { c.User = "root" }, false},
		{"another key", func(c *ssh.ClientConfig) { c.Auth = []ssh.AuthMethod{ssh.PublicKeys(other.Signer())} }, false},
		{"no key", func(c *ssh.ClientConfig) { c.Auth = nil }, false},
		{"another host key wanted", func(c *ssh.ClientConfig) { c.HostKeyCallback = ssh.FixedHostKey(other.HostKey()) }, false},
	} {
		config := clientConfig(h)
		tt.change(config)
		c, err := ssh.Dial("tcp", h.SSHAddr(), config)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err == nil {
			c.Close()
		}
	}
	eventually(t, "four failed logins counted", func() bool { _, failed := h.Logins(); return failed == 4 })
	if accepted, _ := h.Logins(); accepted != 1 {
		t.Errorf("%d logins accepted, want 1", accepted)
	}
}

// TestLoginWithFiles logs in with what an operator has: a known_hosts file and a
// key file.
func TestLoginWithFiles(t *testing.T) {
	h := startHost(t, Config{TwoHostKeys: true})
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(h.KnownHostsLine()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	known, err := knownhosts.New(file)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(h.ClientKeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ClientConfig{User: h.User(), Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: known}
	// The file knows one key only, and a client that does not say so is offered the other.
	if _, err := ssh.Dial("tcp", h.SSHAddr(), config); err == nil {
		t.Error("a host with two keys was taken for known by the one that is not in the file")
	}
	config.HostKeyAlgorithms = []string{ssh.KeyAlgoED25519}
	c, err := ssh.Dial("tcp", h.SSHAddr(), config)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestSeeds(t *testing.T) {
	seed := bytes.Repeat([]byte{7}, 32)
	a, b := startHost(t, Config{HostKeySeed: seed, ClientKeySeed: seed}), startHost(t, Config{HostKeySeed: seed, ClientKeySeed: seed})
	if ssh.FingerprintSHA256(a.HostKey()) != ssh.FingerprintSHA256(b.HostKey()) {
		t.Error("one seed, two host keys")
	}
	if ssh.FingerprintSHA256(a.Signer().PublicKey()) != ssh.FingerprintSHA256(b.Signer().PublicKey()) {
		t.Error("one seed, two client keys")
	}
	c := startHost(t, Config{})
	if ssh.FingerprintSHA256(a.HostKey()) == ssh.FingerprintSHA256(c.HostKey()) {
		t.Error("a random host key is the same as one from a seed")
	}
}

func TestBadConfig(t *testing.T) {
	for _, config := range []Config{
		{Addr: "192.0.2.1"}, {Addr: "::1"}, {Addr: "localhost"}, {Port: -1}, {Port: 65536}, {HostKeySeed: []byte("short")},
	} {
		if h, err := Start(config); err == nil {
			h.Close()
			t.Errorf("Start(%+v) succeeded", config)
		}
	}
}

// TestKeepAlive checks that unknown requests are answered.
func TestKeepAlive(t *testing.T) {
	c := login(t, startHost(t, Config{}))
	if ok, _, err := c.SendRequest("keepalive@openssh.com", true, nil); ok || err != nil {
		t.Errorf("keepalive = %v, %v, want a plain no", ok, err)
	}
	if ok, _, err := c.SendRequest("tcpip-forward", true, ssh.Marshal(struct {
		Host string
		Port uint32
	}{"127.0.0.1", 0})); ok || err != nil {
		t.Errorf("remote forwarding = %v, %v, want a plain no", ok, err)
	}
}

func TestExec(t *testing.T) {
	for _, tt := range []struct {
		config  Config
		command string
		code    int
	}{
		{Config{}, "true", 0},
		{Config{}, "id", 127},
		{Config{}, "", 127},
		{Config{}, "docker ps", 127},
		{Config{ForbidExec: true}, "true", 1},
		{Config{ForbidExec: true}, "docker system dial-stdio", 1},
	} {
		session, err := login(t, startHost(t, tt.config)).NewSession()
		if err != nil {
			t.Fatal(err)
		}
		code := 0
		if err := session.Run(tt.command); err != nil {
			exit, ok := errors.AsType[*ssh.ExitError](err)
			if !ok {
				t.Fatalf("run %q: %v", tt.command, err)
			}
			code = exit.ExitStatus()
		}
		if code != tt.code {
			t.Errorf("exit code of %q with %+v = %d, want %d", tt.command, tt.config, code, tt.code)
		}
	}
}

// TestForbidden checks what a client is told when it may not have a channel.
func TestForbidden(t *testing.T) {
	for _, tt := range []struct {
		config        Config
		network, addr string
		want          string
	}{
		{Config{}, "unix", dockerSocket, ""},
		{Config{}, "unix", "/run/other.sock", `connect failed ("open failed")`},
		{Config{ForbidSocket: true}, "unix", dockerSocket, `connect failed ("open failed")`},
		{Config{ForbidTCP: true}, "unix", dockerSocket, ""},
		{Config{}, "tcp", "127.0.0.1:1", "Connection refused"},
		{Config{}, "tcp", "192.0.2.1:80", "Name or service not known"},
		{Config{ForbidTCP: true}, "tcp", "127.0.0.1:1", "administratively prohibited"},
	} {
		c := login(t, startHost(t, tt.config))
		nc, err := c.DialContext(t.Context(), tt.network, tt.addr)
		if err == nil {
			nc.Close()
		}
		if got := fmt.Sprint(err); (err == nil) != (tt.want == "") || !strings.Contains(strings.ReplaceAll(got, "(open failed)", `("open failed")`), tt.want) {
			t.Errorf("%s %s with %+v: %v, want %q", tt.network, tt.addr, tt.config, err, tt.want)
		}
	}
}

func TestMaxSessions(t *testing.T) {
	h := startHost(t, Config{MaxSessions: 2})
	c := login(t, h)
	var open []*ssh.Session
	for range 2 {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, s)
	}
	if _, err := c.NewSession(); err == nil {
		t.Error("a third session was opened")
	}
	eventually(t, "two channels", func() bool { return h.OpenChannels() == 2 })
	open[0].Close()
	eventually(t, "a session after another has ended", func() bool {
		s, err := c.NewSession()
		if err == nil {
			s.Close()
		}
		return err == nil
	})
}

// TestCounters checks that what clients close is not counted any more.
func TestCounters(t *testing.T) {
	h := startHost(t, Config{})
	first, second := login(t, h), login(t, h)
	eventually(t, "two connections", func() bool { return h.OpenConnections() == 2 })
	nc, err := first.Dial("unix", dockerSocket)
	if err != nil {
		t.Fatal(err)
	}
	if n := h.OpenChannels(); n != 1 {
		t.Errorf("%d channels, want 1", n)
	}
	nc.Close()
	eventually(t, "no channels", func() bool { return h.OpenChannels() == 0 })
	if _, err := second.Dial("unix", dockerSocket); err != nil {
		t.Fatal(err)
	}
	first.Close()
	second.Close()
	eventually(t, "nothing open", func() bool { return h.OpenConnections() == 0 && h.OpenChannels() == 0 })
}
