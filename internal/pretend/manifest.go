package pretend

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A Manifest says how to get to hosts that run in another process. It holds
// private keys.
type Manifest struct {
	Hosts []ManifestHost `json:"hosts"`
}

// A ManifestHost is one host of a [Manifest].
type ManifestHost struct {
	SSHAddr   string `json:"sshAddr"`   // host:port
	User      string `json:"user"`      // to log in as
	HostKey   string `json:"hostKey"`   // as in an authorized_keys file
	ClientKey string `json:"clientKey"` // PEM, without passphrase
}

// Manifest describes the host.
func (h *Host) Manifest() ManifestHost {
	return ManifestHost{
		SSHAddr:   h.SSHAddr(),
		User:      h.User(),
		HostKey:   strings.TrimSpace(string(ssh.MarshalAuthorizedKey(h.HostKey()))),
		ClientKey: string(h.ClientKeyPEM()),
	}
}

// Signer returns the private key to log in with.
func (m ManifestHost) Signer() (ssh.Signer, error) {
	signer, err := ssh.ParsePrivateKey([]byte(m.ClientKey))
	if err != nil {
		return nil, fmt.Errorf("client key of %s: %w", m.SSHAddr, err)
	}
	return signer, nil
}

// PublicHostKey returns the key by which the host is known.
func (m ManifestHost) PublicHostKey() (ssh.PublicKey, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(m.HostKey))
	if err != nil {
		return nil, fmt.Errorf("host key of %s: %w", m.SSHAddr, err)
	}
	return key, nil
}

// KnownHosts returns the text of a known_hosts file with all the hosts.
func (m Manifest) KnownHosts() ([]byte, error) {
	var b strings.Builder
	for _, h := range m.Hosts {
		key, err := h.PublicHostKey()
		if err != nil {
			return nil, err
		}
		fmt.Fprintln(&b, knownHostsLine(h.SSHAddr, key))
	}
	return []byte(b.String()), nil
}

// Save writes the manifest to a file that only its owner can read. Whoever reads
// it meanwhile sees the old one or the new one, never half of it.
func (m Manifest) Save(path string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("save the manifest of the pretend hosts: %w", err)
		}
	}()
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".pretend-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // no such file any more, if all goes well
	_, err = file.Write(append(text, '\n'))
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// LoadManifest reads what [Manifest.Save] wrote. A missing file is
// [os.ErrNotExist].
func LoadManifest(path string) (Manifest, error) {
	var m Manifest
	text, err := os.ReadFile(path)
	if err != nil {
		return m, fmt.Errorf("load the manifest of the pretend hosts: %w", err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return Manifest{}, fmt.Errorf("load the manifest of the pretend hosts %s: %w", path, err)
	}
	for _, h := range m.Hosts {
		_, keyErr := h.Signer()
		_, hostErr := h.PublicHostKey()
		if err := errors.Join(keyErr, hostErr); err != nil {
			return Manifest{}, fmt.Errorf("load the manifest of the pretend hosts %s: %w", path, err)
		}
	}
	return m, nil
}
