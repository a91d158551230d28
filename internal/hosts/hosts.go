// Package hosts runs WRP containers on a pool of Docker hosts.
//
// Each host is reached over one kept SSH connection of its own, which carries
// its Docker API. The package starts, removes, inspects and lists containers of
// this service, knows which hosts are down and why, and has the strategies that
// choose among them. It knows nothing of clients and sessions: the caller says
// under which name and labels a container runs, and counts them.
//
// What a caller can rely on: a container is labelled before it runs, so it can
// always be found again; [ErrGone] means that the engine said so, and is never
// concluded from a missing answer, which is [ErrUnreachable].
package hosts

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"
)

var (
	// ErrUnknownHost means that no host of that name is configured here.
	ErrUnknownHost = errors.New("host is not configured")

	// ErrUnreachable means that a host could not be asked. Whatever ran there
	// may still be running.
	ErrUnreachable = errors.New("host is unreachable")

	// ErrMute means that a host's sshd accepts connections, and says nothing.
	ErrMute = errors.New("sshd accepts connections and says nothing: it hangs, or is frozen, or the machine is out of memory")

	// ErrDown means that a host takes no containers at the moment, and is not asked.
	ErrDown = errors.New("host is down")

	// ErrGone means that a host was asked, and that the container is not there
	// or does not run any more.
	ErrGone = errors.New("container is gone")

	// ErrImageMissing means that the host does not have the WRP image.
	ErrImageMissing = errors.New("image is missing")

	// ErrNetwork means that the host does not have the network that containers
	// are to be on, or that it is another one than it has to be.
	ErrNetwork = errors.New("no usable network")

	// ErrPortTaken means that something else listens on the port.
	ErrPortTaken = errors.New("port is taken")

	// ErrNameTaken means that a container of the same name is already there,
	// and that it is not the one that was meant.
	ErrNameTaken = errors.New("container name is taken")

	// ErrCertificate means that a host serves no TLS: its certificate files are
	// missing, or a TLS container did not answer over TLS. Plain ones are not
	// concerned.
	ErrCertificate = errors.New("no TLS, check the certificate files on the host")

	// ErrUncertain means that a request to start a container got no answer: the
	// engine may still carry it out.
	ErrUncertain = errors.New("outcome unknown")

	// ErrUnfinished means that a host's engine answers, but does not finish with one
	// container: a removal, a pause, a look at it. It says nothing against the host.
	ErrUnfinished = errors.New("the engine does not finish with the container (try docker rm -f there; if that hangs too, restart its Docker)")

	// ErrBusy means that something was not even sent, because all SSH sessions that a
	// host's sshd allows were in use. It says nothing against the host.
	ErrBusy = errors.New("all SSH sessions that the host's sshd allows are in use (its MaxSessions)")

	// ErrForbidden means that the host's SSH key does not allow connections to
	// containers that are published on the host's own loopback.
	ErrForbidden = errors.New(`the SSH key forbids the way to containers (its line in authorized_keys needs port-forwarding and permitopen="127.0.0.1:*", its sshd AllowTcpForwarding)`)
)

// A Host is one entry of the pool.
type Host struct {
	Name    string    // the whole CONTAINER_HOSTS entry; the host's key in the database
	Address string    // what clients are told to connect to; empty: the address they reached us by
	SSH     *SSH      // how to get there; nil: this machine's own engine
	Max     int       // most containers at once
	Auto    bool      // as many as the host's memory allows, at most Max
	TLS     *TLSFiles // certificate for clients that want TLS; nil: the host serves none

	// Publish is the IP address of this machine on which the containers of clients
	// that connect directly are published; empty: on all. Only without SSH.
	Publish string

	// How many containers should wait for clients that are still to come:
	// plain ones, and ones that serve TLS themselves.
	Warm, WarmTLS int
}

// SSH says how to log in to a host.
type SSH struct {
	Addr   string // host:port of sshd
	User   string
	Signer ssh.Signer
}

// TLSFiles are absolute paths on the host.
type TLSFiles struct {
	Cert, Key string
}

// LoadKey reads a private key. The passphrase is ignored if the key has none.
func LoadKey(path, passphrase string) (ssh.Signer, error) {
	pem, err := ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if _, locked := errors.AsType[*ssh.PassphraseMissingError](err); locked {
		if passphrase == "" {
			return nil, fmt.Errorf("key %s has a passphrase and none is configured", path)
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(pem, []byte(passphrase))
		if err != nil {
			return nil, fmt.Errorf("key %s does not open with the configured passphrase", path)
		}
	}
	if err != nil {
		if _, _, _, _, notPublic := ssh.ParseAuthorizedKey(pem); notPublic == nil {
			return nil, fmt.Errorf("key %s is a public key, want the private one that belongs to it", path)
		}
		return nil, fmt.Errorf("key %s: %w (an encrypted PKCS#8 or a PuTTY key must be converted: ssh-keygen -p -f %s)", path, err, path)
	}
	return signer, nil
}
