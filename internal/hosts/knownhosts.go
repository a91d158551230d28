package hosts

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"
)

var (
	errUnknownKey  = errors.New("key is unknown")
	errKeyMismatch = errors.New("key mismatch")
	errKeyRevoked  = errors.New("key is revoked")
)

// The markers that a line of known_hosts may begin with.
const (
	markAuthority = "cert-authority"
	markRevoked   = "revoked"
)

// A knownKey is one line of a known_hosts file.
type knownKey struct {
	where  string // file:line
	marker string
	names  []string // patterns in lower case, or one hashed name
	key    ssh.PublicKey
}

// A badLine is a line that cannot be used.
type badLine struct {
	where string
	err   error
}

// parseKnownHosts reads a known_hosts file. Like OpenSSH's client it goes on
// after a line that cannot be used.
func parseKnownHosts(file string, text []byte) (keys []knownKey, bad []badLine) {
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		k, err := parseKnownKey(line)
		k.where = fmt.Sprintf("%s:%d", file, number)
		if err != nil {
			bad = append(bad, badLine{k.where, err})
		} else {
			keys = append(keys, k)
		}
	}
	return keys, bad
}

func parseKnownKey(line []byte) (knownKey, error) {
	marker, names, key, _, _, err := ssh.ParseKnownHosts(line)
	switch {
	case err != nil:
		return knownKey{}, errors.New("it is not a name, a type and a key; perhaps it is cut off")
	case marker != "" && marker != markAuthority && marker != markRevoked:
		return knownKey{}, errors.New("it has an unknown marker")
	}
	k := knownKey{marker: marker, names: names, key: key}
	if !k.isHashed() {
		for i, name := range names {
			names[i] = strings.ToLower(name)
		}
	}
	return k, nil
}

func (k knownKey) isHashed() bool { return len(k.names) == 1 && strings.HasPrefix(k.names[0], "|") }

// matches reports whether the line is about name, which is in lower case. One that
// is excluded by a ! is not, whatever else the line says.
func (k knownKey) matches(name string) bool {
	if k.isHashed() {
		return matchesHash(k.names[0], name)
	}
	found := false
	for _, pattern := range k.names {
		pattern, excluded := strings.CutPrefix(pattern, "!")
		if !matchesPattern(pattern, name) {
			continue
		}
		if excluded {
			return false
		}
		found = true
	}
	return found
}

// matchesPattern reports whether name is what pattern says, in which * stands for any
// characters and ? for one.
func matchesPattern(pattern, name string) bool {
	star, from := -1, 0 // the latest star, and what comes after what it stands for
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0: // let it stand for one character more
			from++
			p, n = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchesHash compares a name with |1|salt|hash, in which names are hidden from
// those who read the file.
func matchesHash(hashed, name string) bool {
	parts := strings.Split(hashed, "|")
	if len(parts) != 4 || parts[1] != "1" {
		return false
	}
	salt, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return false
	}
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(name))
	want, err := base64.StdEncoding.DecodeString(parts[3])
	return err == nil && hmac.Equal(want, mac.Sum(nil))
}

// knownKeys are the lines about one host.
type knownKeys []knownKey

// keysOf returns the lines about addr as it is, and, if its port is not the usual
// one, those about its host without a port.
func keysOf(all []knownKey, addr string) (exact, portless knownKeys) {
	host, port, err := net.SplitHostPort(strings.ToLower(addr))
	if err != nil {
		return nil, nil
	}
	exact = filter(all, knownName(net.JoinHostPort(host, port)))
	if port == "22" {
		return exact, nil
	}
	return exact, filter(all, host)
}

// knownName is how known_hosts calls the host at addr.
func knownName(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	switch {
	case err != nil:
		return addr
	case port == "22":
		return host
	}
	return "[" + host + "]:" + port
}

func filter(all []knownKey, name string) (about knownKeys) {
	for _, k := range all {
		if k.matches(name) {
			about = append(about, k)
		}
	}
	return about
}

// has reports whether there is a line with this marker and this key.
func (ks knownKeys) has(marker string, key ssh.PublicKey) bool {
	for _, k := range ks {
		if k.marker == marker && bytes.Equal(k.key.Marshal(), key.Marshal()) {
			return true
		}
	}
	return false
}

// check returns [errUnknownKey] if no line has a key, else [errKeyMismatch] if none
// has this one.
func (ks knownKeys) check(key ssh.PublicKey) error {
	if ks.has("", key) {
		return nil
	}
	for _, k := range ks {
		if k.marker == "" {
			return fmt.Errorf("%w: it is %s %s, and %s has another", errKeyMismatch, key.Type(), ssh.FingerprintSHA256(key), k.where)
		}
	}
	return errUnknownKey
}

// verifyHostKey decides about the key that the host at addr showed, as OpenSSH's
// client does. A certificate that no authority vouches for counts as the key in it.
func verifyHostKey(all []knownKey, addr string, remote net.Addr, key ssh.PublicKey) error {
	exact, portless := keysOf(all, addr)
	either := append(exact, portless...)
	cert, certified := key.(*ssh.Certificate)
	var certErr error
	if certified {
		key = cert.Key
		if either.has(markRevoked, cert.SignatureKey) {
			return fmt.Errorf("%w: the authority's", errKeyRevoked)
		}
	}
	if either.has(markRevoked, key) {
		return errKeyRevoked
	}
	if certified && either.has(markAuthority, cert.SignatureKey) {
		trusted := ssh.CertChecker{IsHostAuthority: func(ssh.PublicKey, string) bool { return true }}
		if certErr = trusted.CheckHostKey(strings.ToLower(addr), remote, cert); certErr == nil {
			return nil
		}
	}
	err := exact.check(key)
	if errors.Is(err, errUnknownKey) && portless.has("", key) {
		return nil
	}
	if err != nil && certErr != nil {
		return fmt.Errorf("%w, and its certificate does not hold: %w", err, certErr)
	}
	return err
}

// hostKeyAlgorithms returns the types of key to ask the host at addr for: first
// those by which it is known. The server would choose otherwise, and a key of
// another type looks just like a changed one.
func hostKeyAlgorithms(all []knownKey, addr string) []string {
	exact, portless := keysOf(all, addr)
	var certified, known []string
	for _, k := range append(exact, portless...) {
		switch {
		case k.marker == markAuthority && certified == nil:
			certified = supported(true)
		case k.marker == "" && k.key.Type() == ssh.KeyAlgoRSA:
			known = append(known, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		case k.marker == "":
			known = append(known, k.key.Type())
		}
	}
	return append(append(append(certified, known...), ssh.KeyAlgoED25519), supported(false)...)
}

// supported returns all types of certificates, or else of plain keys.
func supported(certificates bool) (names []string) {
	for _, name := range ssh.SupportedAlgorithms().HostKeys {
		if strings.Contains(name, "-cert-v") == certificates {
			names = append(names, name)
		}
	}
	return names
}
