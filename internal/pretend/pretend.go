// Package pretend is a container host within this process: a real SSH server on
// a loopback address of its own, with a small Docker Engine API behind it whose
// containers are stand-ins for WRP on real ports.
//
// It behaves as a real host in what a client of hosts can observe: logins and host
// keys, both ways to the Docker API, names and ports that conflict, events,
// certificates, and an engine that carries a request out even if the client has
// gone. It also fails on demand. It does not isolate anything, runs no other
// program than the stand-in, and keeps nothing when it is closed.
//
// A host has the address 127.0.0.N, and what it calls 127.0.0.1 or 0.0.0.0 is
// that address too, so that many hosts fit on one machine.
package pretend

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
)

// DefaultImage is the image that a host offers unless its Config says otherwise.
const DefaultImage = "alb42/amifoxserver:latest"

// AnyAddr in a Config stands for a loopback address that no other host has, for
// tests that want certain ports to be free while others run.
const AnyAddr = "any"

const (
	defaultAddr = "127.0.0.2"
	user        = "wrp" // the one who may log in
)

// A Config describes a host before it starts. The zero value is a host without
// image, on a free port of 127.0.0.2, that allows everything.
type Config struct {
	Addr string // a loopback address, or AnyAddr; empty: 127.0.0.2
	Port int    // of the SSH server; 0: any free one

	Image      string // the image that HasImage and SetImage are about; empty: DefaultImage
	HasImage   bool   // the image is there from the start
	WorkingDir string // what the image says of itself; empty: /data

	APIVersion string // newest version that the Docker API speaks, 1.41 to 1.51; empty: 1.51
	EngineID   string // what the engine calls itself in /info; empty: unique
	Memory     int64  // what the engine says that its host has, in bytes; 0: 1 TiB

	HostKeySeed   []byte // 32 bytes that make the host key the same each time; empty: random
	ClientKeySeed []byte // the same for the key that may log in
	TwoHostKeys   bool   // also offer an ECDSA key, which clients take unless told otherwise

	ForbidSocket   bool // refuse channels to the Docker socket
	ForbidExec     bool // every command ends at once with exit code 1
	ForceDialStdio bool // every command is taken for docker system dial-stdio
	ForbidTCP      bool // refuse channels to ports
	MaxSessions    int  // sessions at once on one connection; 0: 10, as sshd

	BrowserStart time.Duration // what the first page of a container takes in addition
}

// A Host is a running pretend host. It is safe for concurrent use.
type Host struct {
	config  Config
	keys    keys
	tasks   *tasks
	network *network
	faults  *faults
	engine  *engine
	docker  *dockerServer
	ssh     *sshServer
}

// Start starts a host. Whoever starts one has to close it.
func Start(config Config) (*Host, error) {
	config, err := complete(config)
	if err != nil {
		return nil, fmt.Errorf("start pretend host: %w", err)
	}
	keys, err := newKeys(config)
	if err != nil {
		return nil, fmt.Errorf("start pretend host: %w", err)
	}
	h := &Host{
		config:  config,
		keys:    keys,
		tasks:   newTasks(),
		network: newNetwork(config.Addr),
		faults:  newFaults(),
	}
	ln, err := h.network.listen(config.Port, nil)
	if err != nil {
		return nil, fmt.Errorf("start pretend host: %w", err)
	}
	h.engine = newEngine(config, h.network, h.tasks)
	h.docker = newDockerServer(h.engine, h.faults, h.tasks)
	h.ssh = newSSHServer(config, keys, ln, h.docker, h.tasks)
	return h, nil
}

// complete fills in what a Config leaves open, and checks the rest.
func complete(c Config) (Config, error) {
	for _, field := range []struct {
		value     *string
		byDefault string
	}{
		{&c.Addr, defaultAddr},
		{&c.Image, DefaultImage},
		{&c.WorkingDir, "/data"},
		{&c.APIVersion, "1.51"},
		{&c.EngineID, newID()},
	} {
		if *field.value == "" {
			*field.value = field.byDefault
		}
	}
	if c.MaxSessions == 0 {
		c.MaxSessions = 10
	}
	if c.Addr == AnyAddr {
		c.Addr = randomAddr().String()
	}
	addr, err := netip.ParseAddr(c.Addr)
	switch {
	case err != nil:
		return c, err
	case !addr.Is4() || !addr.IsLoopback():
		return c, fmt.Errorf("address %s is not in 127.0.0.0/8", addr)
	case c.Port < 0 || c.Port > 65535:
		return c, errors.New("no such port: " + strconv.Itoa(c.Port))
	}
	return c, nil
}

// randomAddr returns one of eight million loopback addresses, away from those
// that people use.
func randomAddr() netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(64 + rand.IntN(128)), byte(rand.IntN(256)), byte(1 + rand.IntN(254))})
}

// Close ends the host with its containers and connections, and waits for that.
// It may be called more than once.
func (h *Host) Close() error {
	h.tasks.close()
	h.network.close()
	h.engine.close()
	h.docker.close()
	h.tasks.wait()
	return nil
}

// Addr returns the address of the host, without a port.
func (h *Host) Addr() string { return h.config.Addr }

// SSHAddr returns the host:port of the SSH server.
func (h *Host) SSHAddr() string { return h.ssh.listener.addr.String() }

// User returns the name to log in with.
func (h *Host) User() string { return user }

// HostKey returns the key by which the host is known.
func (h *Host) HostKey() ssh.PublicKey { return h.keys.host.PublicKey() }

// KnownHostsLine returns the host key as a line of a known_hosts file, without
// the end of the line.
func (h *Host) KnownHostsLine() string { return knownHostsLine(h.SSHAddr(), h.HostKey()) }

// Signer returns the private key that may log in.
func (h *Host) Signer() ssh.Signer { return h.keys.client }

// ClientKeyPEM returns the private key that may log in, as ssh-keygen writes it.
func (h *Host) ClientKeyPEM() []byte { return h.keys.clientPEM }

// EngineID returns what the engine calls itself.
func (h *Host) EngineID() string { return h.config.EngineID }

// OpenConnections returns how many logged-in SSH connections there are.
func (h *Host) OpenConnections() int { return int(h.ssh.connections.Load()) }

// OpenChannels returns how many channels and sessions those have open.
func (h *Host) OpenChannels() int { return int(h.ssh.channels.Load()) }

// Logins returns how many logins there have been, and how many were refused or
// given up.
func (h *Host) Logins() (accepted, failed int) {
	return int(h.ssh.accepted.Load()), int(h.ssh.failed.Load())
}

// Requests returns how often the Docker API was asked for op, one of the Op
// constants.
func (h *Host) Requests(op string) int { return h.faults.count(op) }
