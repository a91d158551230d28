package hosts

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// KnownHosts says which host keys are trusted.
type KnownHosts struct {
	Files     []string // known_hosts files that are read; missing ones count as empty
	AcceptNew string   // file to which keys of unknown hosts are added; empty: unknown hosts are refused
}

// hostKeys checks host keys against known_hosts. The files are read anew for
// each connection, so that an operator's edit counts at once.
type hostKeys struct {
	KnownHosts
}

// hostKeyCallback is an [ssh.HostKeyCallback]. It accepts keys that are known, and
// those of unknown hosts if that is configured.
func (k *hostKeys) hostKeyCallback(addr string, remote net.Addr, key ssh.PublicKey) error {
	err := k.verify(addr, remote, key)
	unknown := isUnknownHost(err)
	switch {
	case unknown && k.AcceptNew != "":
		return k.acceptNew(addr, remote, key)
	case unknown:
		return fmt.Errorf("host key of %s is unknown; add it to %s (ssh-keyscan), or set SSH_HOST_KEYS=accept-new", addr, k.Files[0])
	case err != nil:
		return fmt.Errorf("host key of %s: %w; if the host was reinstalled, remove its old line from known_hosts (ssh-keygen -R)", addr, err)
	}
	return nil
}

func (k *hostKeys) verify(addr string, remote net.Addr, key ssh.PublicKey) error {
	callback, err := k.load()
	if err != nil {
		return err
	}
	return callback(addr, remote, key)
}

func (k *hostKeys) load() (ssh.HostKeyCallback, error) {
	var present []string
	for _, f := range k.Files {
		if _, err := os.Stat(f); err == nil {
			present = append(present, f)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read known hosts: %w", err)
		}
	}
	callback, err := knownhosts.New(present...)
	if err != nil {
		return nil, fmt.Errorf("read known hosts: %w", err)
	}
	return callback, nil
}

func isUnknownHost(err error) bool {
	keyErr, ok := errors.AsType[*knownhosts.KeyError](err)
	return ok && len(keyErr.Want) == 0
}

// acceptNew adds an unknown host's key to the file. Other processes may be doing
// the same: the file is locked, and read again under the lock.
func (k *hostKeys) acceptNew(addr string, remote net.Addr, key ssh.PublicKey) error {
	if err := os.MkdirAll(filepath.Dir(k.AcceptNew), 0o700); err != nil {
		return fmt.Errorf("accept host key: %w", err)
	}
	lock := flock.New(k.AcceptNew)
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock %s: %w", k.AcceptNew, err)
	}
	defer lock.Close() // which also unlocks
	if err := k.verify(addr, remote, key); !isUnknownHost(err) {
		return err
	}
	if err := appendLine(k.AcceptNew, knownhosts.Line([]string{addr}, key)); err != nil {
		return fmt.Errorf("accept host key: %w", err)
	}
	return nil
}

func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}

// algorithms returns the host key types to ask addr for: those of which a key is
// known. Without them the server would choose, and a key of another type looks
// just like a changed one.
func (k *hostKeys) algorithms(addr string) ([]string, error) {
	err := k.verify(addr, noAddr{}, noKey{})
	keyErr, ok := errors.AsType[*knownhosts.KeyError](err)
	if !ok {
		return nil, err
	}
	var names []string
	for _, known := range keyErr.Want {
		if t := known.Key.Type(); t == ssh.KeyAlgoRSA {
			names = append(names, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		} else {
			names = append(names, t)
		}
	}
	return names, nil
}

// noKey is a key that no host has; asking for it makes known_hosts tell which
// ones it would have accepted.
type noKey struct{}

// Type implements [ssh.PublicKey].
func (noKey) Type() string { return "none" }

// Marshal implements [ssh.PublicKey].
func (noKey) Marshal() []byte { return []byte("none") }

// Verify implements [ssh.PublicKey].
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("not a key") }

// noAddr is an address that no host has.
type noAddr struct{}

// Network implements [net.Addr].
func (noAddr) Network() string { return "tcp" }

// String implements [net.Addr].
func (noAddr) String() string { return "0.0.0.0:0" }
