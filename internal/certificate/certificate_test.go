package certificate_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"wrpdistributor/internal/certificate"
	"wrpdistributor/internal/hosts/hoststest"
)

// shown returns the certificate that a client sees.
func shown(t *testing.T, c *certificate.Certificate) *x509.Certificate {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", c.Config(tls.VersionTLS12))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		conn, err := ln.Accept()
		if err == nil {
			_ = conn.(*tls.Conn).Handshake() // the client says what came of it
			conn.Close()
		}
	}()
	conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0]
}

func mustSelfSigned(t *testing.T, dir string, names ...string) *x509.Certificate {
	t.Helper()
	c, err := certificate.SelfSigned(filepath.Join(dir, "own.pem"), names, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return shown(t, c)
}

// TestSelfSignedIsMadeOnce: and again for other names, or when it is no certificate.
func TestSelfSignedIsMadeOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := mustSelfSigned(t, dir, "wrp.example", "127.0.0.1")
	for _, name := range []string{"wrp.example", "127.0.0.1"} {
		if err := first.VerifyHostname(name); err != nil {
			t.Errorf("certificate for %s: %v", name, err)
		}
	}
	if left := time.Until(first.NotAfter); left < 9*365*24*time.Hour {
		t.Errorf("it is good for %v only", left)
	}
	if again := mustSelfSigned(t, dir, "127.0.0.1"); !again.Equal(first) {
		t.Error("another one was made, want the one that is kept")
	}
	if other := mustSelfSigned(t, dir, "other.example"); other.VerifyHostname("other.example") != nil {
		t.Error("it is not for the new name")
	}
	file := filepath.Join(dir, "own.pem")
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file is %v, %v; want only its owner to read it", info.Mode(), err)
	}
	if err := os.WriteFile(file, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustSelfSigned(t, dir, "other.example")
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("%d files are left, %v; want one", len(files), err)
	}
	mustSelfSigned(t, filepath.Join(dir, "new"), "a")
	if _, err := certificate.SelfSigned(filepath.Join(file, "x", "own.pem"), []string{"a"}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("SelfSigned in a folder that cannot be = %v, want the path", err)
	}
}

// loaded returns a certificate, and the files that it was read from.
func loaded(t *testing.T) (c *certificate.Certificate, cert, key string) {
	t.Helper()
	cert, key = hoststest.Certificate(t)
	c, err := certificate.Load(cert, key, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return c, cert, key
}

// TestChangedCertificateIsShown: new files are, rubbish is not.
func TestChangedCertificateIsShown(t *testing.T) {
	t.Parallel()
	c, cert, key := loaded(t)
	first := shown(t, c)
	put := func(newCert, newKey string) {
		for from, to := range map[string]string{newCert: cert, newKey: key} {
			text, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		certificate.CheckNow(c)
	}
	put(cert, cert)
	if got := shown(t, c); !got.Equal(first) {
		t.Error("a key that does not fit changed what is shown")
	}
	otherCert, otherKey := hoststest.Certificate(t)
	put(otherCert, otherKey)
	if got := shown(t, c); got.Equal(first) {
		t.Error("the old certificate is shown, want the new one")
	}
	if _, err := certificate.Load(cert, otherCert, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), cert) {
		t.Errorf("Load of files that do not fit = %v, want their names", err)
	}
}

// TestWhatIsNoFileIsNotWaitedFor, nor read to its end: clients see the certificate of before.
func TestWhatIsNoFileIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	c, cert, _ := loaded(t)
	first := shown(t, c)
	for name, replace := range map[string]func() error{
		"a pipe":           func() error { return syscall.Mkfifo(cert, 0o600) },
		"a file of 4 GiB":  func() error { return errors.Join(os.WriteFile(cert, nil, 0o600), os.Truncate(cert, 4<<30)) },
		"a folder":         func() error { return os.Mkdir(cert, 0o700) },
		"a device":         func() error { return os.Symlink("/dev/zero", cert) },
		"nothing any more": func() error { return nil },
	} {
		if err := errors.Join(os.Remove(cert), replace()); err != nil {
			t.Fatal(err)
		}
		certificate.CheckNow(c)
		seen := make(chan bool, 1)
		go func() { // ends with the test, where it waits
			got, err := c.Config(tls.VersionTLS12).GetCertificate(nil)
			seen <- err == nil && bytes.Equal(got.Certificate[0], first.Raw)
		}()
		select {
		case same := <-seen:
			if !same {
				t.Errorf("%s: another certificate is shown", name)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%s is waited for", name)
		}
		if name == "nothing any more" {
			if err := os.WriteFile(cert, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
