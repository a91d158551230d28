package hoststest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"wrpdistributor/internal/proctest"
)

// An SSHD is a private OpenSSH server on 127.0.0.1, in front of this machine's
// own Docker engine.
type SSHD struct {
	Addr       string // 127.0.0.1:port
	User       string
	KeyFile    string // of the client
	Passphrase string // of the key
	KnownHosts string // file with the server's key

	t         testing.TB
	dir       string
	sshd      string
	process   *proctest.Process
	clientKey ssh.PublicKey
	guard     *Guard
}

// SSHDOptions say how an [SSHD] differs from an ordinary one.
type SSHDOptions struct {
	Passphrase string // of the client's key
	KeyOptions string // stands before the key in authorized_keys
	Config     string // more lines for sshd_config
	Guard      *Guard // before Docker, which is not to be reached without it; nil: none
}

// StartSSHD starts a server that runs as long as the test.
func StartSSHD(t testing.TB, opt SSHDOptions) *SSHD {
	t.Helper()
	path, err := exec.LookPath("sshd")
	if err != nil {
		path = "/usr/sbin/sshd"
		if _, err := os.Stat(path); err != nil {
			Missing(t, "sshd (Debian package openssh-server)")
		}
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &SSHD{t: t, dir: dir, sshd: path, User: me.Username, Addr: proctest.FreeAddr(t), Passphrase: opt.Passphrase, guard: opt.Guard,
		KeyFile: filepath.Join(dir, "id"), KnownHosts: filepath.Join(dir, "known_hosts")}
	hostKey := writeKey(t, filepath.Join(dir, "host_key"), "")
	s.clientKey = writeKey(t, s.KeyFile, opt.Passphrase)
	s.SetKeyOptions(opt.KeyOptions)
	write(t, s.KnownHosts, knownhosts.Line([]string{s.Addr}, hostKey)+"\n")
	_, port, _ := net.SplitHostPort(s.Addr)
	// HOME is another folder, so that the user's shell start-up files change nothing.
	write(t, filepath.Join(dir, "sshd_config"), fmt.Sprintf(`ListenAddress 127.0.0.1
Port %s
HostKey %s
AuthorizedKeysFile %s
StrictModes no
UsePAM no
PidFile none
PermitRootLogin prohibit-password
PasswordAuthentication no
SetEnv HOME=%s
%s
`, port, filepath.Join(dir, "host_key"), filepath.Join(dir, "authorized_keys"), dir, opt.Config))
	s.Start()
	return s
}

// SetKeyOptions changes what stands before the key, for logins to come.
func (s *SSHD) SetKeyOptions(options string) {
	s.t.Helper()
	write(s.t, filepath.Join(s.dir, "authorized_keys"), strings.TrimSpace(options+" "+string(ssh.MarshalAuthorizedKey(s.clientKey))))
}

// Start starts the server, again after [SSHD.Kill].
func (s *SSHD) Start() {
	s.t.Helper()
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // privilege separation wants it
			s.t.Fatal(err)
		}
	}
	args := []string{"-D", "-e", "-f", filepath.Join(s.dir, "sshd_config")}
	cmd := exec.Command(s.sshd, args...)
	if s.guard != nil {
		NetworkTools(s.t, "unshare")
		cmd = s.guard.before(s.sshd, args...)
	}
	s.process = proctest.Start(s.t, cmd)
	s.awaitPort()
}

func (s *SSHD) awaitPort() {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if c, err := net.Dial("tcp", s.Addr); err == nil {
			c.Close()
			return
		}
		select {
		case <-s.process.Done():
			s.t.Fatalf("sshd ended at once:\n%s", s.process.Output())
		case <-time.After(10 * time.Millisecond):
		}
	}
	s.t.Fatalf("sshd does not listen on %s", s.Addr)
}

// Host returns what an operator knows of the server.
func (s *SSHD) Host() proctest.Host {
	s.t.Helper()
	key, err := os.ReadFile(s.KeyFile)
	if err != nil {
		s.t.Fatal(err)
	}
	known, err := os.ReadFile(s.KnownHosts)
	if err != nil {
		s.t.Fatal(err)
	}
	return proctest.Host{Name: s.Addr, User: s.User, Key: key, Passphrase: s.Passphrase, KnownHosts: string(known)}
}

// Kill kills the server and all its connections, which are processes of their own.
func (s *SSHD) Kill() { s.process.Kill() }

// writeKey makes a key pair and returns its public half.
func writeKey(t testing.TB, path, passphrase string) ssh.PublicKey {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(pem.EncodeToMemory(block)))
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
