package hosts

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/gofrs/flock"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// KnownHosts says which host keys are trusted.
type KnownHosts struct {
	Files     []string // known_hosts files that are read; missing ones count as empty
	AcceptNew string   // file to which keys of unknown hosts are added; empty: unknown hosts are refused
}

// Forgetting returns the command that takes the host at addr out of the files that are there,
// which stay their owner's if root types it.
func (k KnownHosts) Forgetting(addr string) string {
	var commands []string
	for _, f := range k.Files {
		if _, err := os.Stat(f); err == nil {
			commands = append(commands, fmt.Sprintf("ssh-keygen -R '%[1]s' -f '%[2]s' && chown --reference='%[3]s' '%[2]s'",
				strings.ToLower(knownName(addr)), f, filepath.Dir(f)))
		}
	}
	return strings.Join(commands, "; ")
}

// hostKeys checks host keys against known_hosts. The files are read anew for
// each connection, so that an operator's edit counts at once; one that has not changed
// is not parsed again. What cannot be used
// of them is said once, and concerns nobody but the hosts whose keys are there. It
// is safe for concurrent use.
type hostKeys struct {
	KnownHosts
	log *slog.Logger

	mu     sync.Mutex
	said   map[string]bool       // what could not be used at the last reading
	parsed map[string]parsedFile // by path
}

// A parsedFile is what a known_hosts file said when it was last parsed.
type parsedFile struct {
	text []byte
	keys []knownKey
	bad  []badLine
}

// hostKeyCallback is an [ssh.HostKeyCallback]. It accepts keys that are known, and
// those of unknown hosts if that is configured.
func (k *hostKeys) hostKeyCallback(addr string, remote net.Addr, key ssh.PublicKey) error {
	known, unreadable := k.load()
	err := verifyHostKey(known, addr, remote, key)
	unknown := errors.Is(err, errUnknownKey)
	switch {
	case unknown && unreadable != nil:
		return fmt.Errorf("host key of %s is unknown: %w", addr, unreadable)
	case unknown && k.AcceptNew != "":
		return k.acceptNew(addr, remote, key)
	case unknown:
		return fmt.Errorf("host key of %s is unknown; add it to %s (ssh-keyscan), or set SSH_HOST_KEYS=accept-new", addr, k.Files[0])
	case errors.Is(err, errKeyRevoked):
		return fmt.Errorf("host key of %s: %w (a line @revoked in known_hosts says so)", addr, err)
	case err != nil:
		return fmt.Errorf("host key of %s: %w; if the host was reinstalled, %s forgets its old one", addr, err, k.Forgetting(addr))
	}
	return nil
}

// algorithms returns the host key types to ask addr for.
func (k *hostKeys) algorithms(addr string) []string {
	known, _ := k.load()
	return hostKeyAlgorithms(known, addr)
}

// load returns the lines of all files, and the errors of those that could not be
// read.
func (k *hostKeys) load() ([]knownKey, error) {
	var all []knownKey
	var bad []badLine
	var unreadable error
	for _, file := range k.Files {
		text, err := ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			unreadable = errors.Join(unreadable, err)
			bad = append(bad, badLine{file, err})
			continue
		}
		f := k.parse(file, text)
		all, bad = append(all, f.keys...), append(bad, f.bad...)
	}
	k.report(bad)
	return all, unreadable
}

func (k *hostKeys) parse(file string, text []byte) parsedFile {
	k.mu.Lock()
	defer k.mu.Unlock()
	if f, ok := k.parsed[file]; ok && bytes.Equal(f.text, text) {
		return f
	}
	f := parsedFile{text: text}
	f.keys, f.bad = parseKnownHosts(file, text)
	if k.parsed == nil {
		k.parsed = make(map[string]parsedFile)
	}
	k.parsed[file] = f
	return f
}

// report says what could be used at the last reading, or was not there yet, and
// cannot now.
func (k *hostKeys) report(bad []badLine) {
	k.mu.Lock()
	defer k.mu.Unlock()
	before := k.said
	k.said = make(map[string]bool, len(bad))
	for _, b := range bad {
		text := b.where + ": " + b.err.Error()
		if k.said[text] = true; !before[text] {
			k.log.Warn("known_hosts not usable there, skipped", "file", b.where, "err", b.err)
		}
	}
}

// acceptNew adds an unknown host's key to the file. Other processes may be doing
// the same: the file is locked, and read again under the lock.
func (k *hostKeys) acceptNew(addr string, remote net.Addr, key ssh.PublicKey) error {
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key // nobody vouches for it
	}
	if err := makeFolder(filepath.Dir(k.AcceptNew)); err != nil {
		return fmt.Errorf("accept host key: %w", err)
	}
	if err := checkAppendable(k.AcceptNew); err != nil {
		return fmt.Errorf("accept host key: %w", err)
	}
	lock := flock.New(k.AcceptNew, flock.SetFlag(os.O_CREATE|os.O_RDONLY|noFollow|syscall.O_NONBLOCK), flock.SetPermissions(acceptedMode))
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("accept host key: lock %s: %w", k.AcceptNew, err)
	}
	defer lock.Close() // which also unlocks
	known, _ := k.load()
	if err := verifyHostKey(known, addr, remote, key); !errors.Is(err, errUnknownKey) {
		return err
	}
	if err := appendLine(k.AcceptNew, knownhosts.Line([]string{addr}, key)); err != nil {
		return fmt.Errorf("accept host key: %w", err)
	}
	return nil
}

// Trust writes a host's key into the first of the files, unless one of them has it.
func (k KnownHosts) Trust(addr string, key HostKey) error {
	text, err := base64.StdEncoding.DecodeString(key.Base64)
	if err != nil {
		return err
	}
	public, err := ssh.ParsePublicKey(text)
	if err != nil {
		return err
	}
	k.AcceptNew = k.Files[0]
	keys := &hostKeys{KnownHosts: k, log: slog.New(slog.DiscardHandler)}
	return keys.acceptNew(addr, &net.TCPAddr{}, public)
}
