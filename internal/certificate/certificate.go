// Package certificate is what TLS clients are shown: a certificate of PEM files, read anew
// when these change, or one that is made and kept. What cannot be read never takes the place
// of what could.
package certificate

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	checkInterval = 10 * time.Second // how often the certificate's files are looked at

	selfSignedFor = 10 * 365 * 24 * time.Hour
	renewBefore   = 30 * 24 * time.Hour

	// Old browsers do not know elliptic curves.
	keyBits = 2048

	maxFile = 1 << 20 // of a chain, or a key
)

// A Certificate is what TLS clients are shown. It is read anew when its files
// change. It is safe for concurrent use.
type Certificate struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	stamp   string    // of the files that current was read from
	checked time.Time // when the files were last looked at
}

// Load reads a certificate from PEM files.
func Load(cert, key string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{cert: cert, key: key, log: log}
	if err := c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// SelfSigned returns the certificate that is kept in file together with its key, so that
// they always fit, for the given names or addresses. It is made if it is not there, is not
// for all of the names, or ends soon.
func SelfSigned(file string, names []string, log *slog.Logger) (*Certificate, error) {
	c, err := Load(file, file, log)
	if err == nil && c.covers(names) {
		return c, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("use self-signed certificate failed; making another", "err", err)
	}
	if err := makeSelfSigned(file, names); err != nil {
		return nil, fmt.Errorf("make a self-signed certificate: %w", err)
	}
	log.Info("self-signed certificate made", "file", file, "names", names)
	return Load(file, file, log)
}

// Config returns the TLS settings of a server that shows the certificate to clients of a
// version, such as [tls.VersionTLS12], and later ones. With an older one it also takes the
// ciphers that old clients know; who knows better ones gets those.
func (c *Certificate) Config(oldest uint16) *tls.Config {
	cfg := &tls.Config{MinVersion: oldest, GetCertificate: c.get}
	if oldest < tls.VersionTLS12 {
		cfg.CipherSuites = suitesOfOld()
	}
	return cfg
}

// suitesOfOld returns the usual ciphers, and those for clients that know no elliptic curves.
// RC4 is none of them: what it hides can be read.
func suitesOfOld() []uint16 {
	suites := []uint16{
		tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA,
	}
	for _, s := range tls.CipherSuites() {
		suites = append(suites, s.ID)
	}
	return suites
}

// get returns the certificate as it is now. One that cannot be read does not take
// the place of one that could.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) > checkInterval {
		if err := c.read(); err != nil {
			c.log.Warn("reload certificate failed; keeping the one before", "err", err)
		}
	}
	return c.current, nil
}

// read reads the files if they are not those that were read last.
func (c *Certificate) read() error {
	c.checked = time.Now()
	stamp, err := stampOf(c.cert, c.key)
	if err != nil || stamp == c.stamp {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", c.cert, c.key, err)
	}
	c.current, c.stamp = &pair, stamp
	return nil
}

// stampOf tells by what files look like whether they are others. What is no file, such as a
// pipe, is not read: all clients would wait for it.
func stampOf(files ...string) (string, error) {
	var stamp string
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return "", err
		}
		if !info.Mode().IsRegular() || info.Size() > maxFile {
			return "", fmt.Errorf("%s: want a file, of at most %d KiB", f, maxFile>>10)
		}
		stamp += fmt.Sprintf("%s %d;", info.ModTime().Format(time.RFC3339Nano), info.Size())
	}
	return stamp, nil
}

func (c *Certificate) covers(names []string) bool {
	leaf := c.current.Leaf
	return time.Until(leaf.NotAfter) > renewBefore &&
		!slices.ContainsFunc(names, func(name string) bool { return leaf.VerifyHostname(name) != nil })
}

func makeSelfSigned(file string, names []string) error {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return err
	}
	template, err := certificateFor(names)
	if err != nil {
		return err
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	for _, block := range []pem.Block{{Type: "PRIVATE KEY", Bytes: private}, {Type: "CERTIFICATE", Bytes: cert}} {
		if err := pem.Encode(&text, &block); err != nil {
			return err
		}
	}
	return replace(file, text.Bytes())
}

// certificateFor returns what a certificate for names or addresses is to say.
func certificateFor(names []string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	c := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: names[0]},
		NotBefore:    time.Now().Add(-24 * time.Hour), // clocks of old machines may be slow
		NotAfter:     time.Now().Add(selfSignedFor),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, name)
		}
	}
	return c, nil
}

// replace writes a file that only its owner can read; others see all of it or
// none. The folder is made if need be.
func replace(file string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // nothing is there after the rename
	_, err = tmp.Write(text)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}
