package pretend

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/pem"
	"fmt"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// keys are what a host and its one user are known by.
type keys struct {
	host      ssh.Signer
	otherHost ssh.Signer // nil unless Config.TwoHostKeys
	client    ssh.Signer
	clientPEM []byte
}

func newKeys(c Config) (keys, error) {
	var k keys
	hostKey, err := privateKey(c.HostKeySeed)
	if err != nil {
		return k, fmt.Errorf("host key: %w", err)
	}
	if k.host, err = ssh.NewSignerFromKey(hostKey); err != nil {
		return k, fmt.Errorf("host key: %w", err)
	}
	if c.TwoHostKeys {
		if k.otherHost, err = ecdsaSigner(); err != nil {
			return k, fmt.Errorf("second host key: %w", err)
		}
	}
	clientKey, err := privateKey(c.ClientKeySeed)
	if err != nil {
		return k, fmt.Errorf("client key: %w", err)
	}
	if k.client, err = ssh.NewSignerFromKey(clientKey); err != nil {
		return k, fmt.Errorf("client key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(clientKey, "pretend host")
	if err != nil {
		return k, fmt.Errorf("client key: %w", err)
	}
	k.clientPEM = pem.EncodeToMemory(block)
	return k, nil
}

// privateKey makes a key from seed, or a random one if there is none.
func privateKey(seed []byte) (ed25519.PrivateKey, error) {
	if len(seed) == 0 {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("the seed has %d bytes, not %d", len(seed), ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func ecdsaSigner() (ssh.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return ssh.NewSignerFromKey(key)
}

func knownHostsLine(addr string, key ssh.PublicKey) string {
	return knownhosts.Line([]string{knownhosts.Normalize(addr)}, key)
}

// newID returns 64 random hex digits, which is what engines call their things.
func newID() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
