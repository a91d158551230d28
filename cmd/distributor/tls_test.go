package main

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// withTLS has the API at a port of its own over TLS, and returns its address.
func (s *stack) withTLS() string {
	s.t.Helper()
	address := proctest.FreeAddr(s.t)
	s.set("TLS_LISTEN", address)
	return address
}

// over sends a request over TLS, and returns the status and the certificate that was shown.
// Nothing but this connection is used for it.
func (s *stack) over(cfg *tls.Config, method, address, agent string) (int, *x509.Certificate, error) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "https://"+address+"/", http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = http.Header{"Bearer": {authToken}, "User-Agent": {agent}}
	resp, err := (&http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return 0, nil, err
	}
	resp.Body.Close()
	return resp.StatusCode, resp.TLS.PeerCertificates[0], nil
}

// trusting is what a client does that has looked at a certificate once, and kept it.
func trusting(cert *x509.Certificate) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{RootCAs: pool}
}

// TestAPIOverTLS: old clients and new ones have their sessions by either port, with the
// certificate that is made once.
func TestAPIOverTLS(t *testing.T) {
	s, _ := newPretendStack(t)
	address := s.withTLS()
	s.start()
	s.put("AmiFox")
	_, cert, err := s.over(&tls.Config{InsecureSkipVerify: true}, "HEAD", address, "AmiFox")
	if err != nil {
		t.Fatal(err)
	}
	if _, isRSA := cert.PublicKey.(*rsa.PublicKey); !isRSA {
		t.Errorf("the certificate has a %T, want one that old clients know", cert.PublicKey)
	}
	noCurves := []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
	for _, tt := range []struct {
		version uint16
		suites  []uint16
	}{
		{tls.VersionTLS10, nil}, {tls.VersionTLS11, nil}, {tls.VersionTLS12, nil}, {tls.VersionTLS13, nil},
		{tls.VersionTLS10, noCurves}, {tls.VersionTLS12, noCurves}, {tls.VersionTLS10, []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}},
	} {
		cfg := trusting(cert)
		cfg.MinVersion, cfg.MaxVersion, cfg.CipherSuites = tt.version, tt.version, tt.suites
		if code, _, err := s.over(cfg, "PUT", address, "AmiFox"); err != nil || code != http.StatusNoContent {
			t.Errorf("PUT over %s with %v = %d, %v; want 204", tls.VersionName(tt.version), tt.suites, code, err)
		}
	}
	onlyRC4 := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_RC4_128_SHA}}
	if code, _, err := s.over(onlyRC4, "HEAD", address, "AmiFox"); err == nil {
		t.Errorf("a client that knows RC4 only is answered %d, want none", code)
	}
	if code, _, body := s.request("GET", "http://"+address+"/", authToken, "AmiFox"); code != 400 || !strings.Contains(body, "This port speaks HTTPS") {
		t.Errorf("without TLS = %d %q, want 400 and why", code, body)
	}

	s.proc.Signal(syscall.SIGTERM)
	<-s.proc.Done()
	s.set("TLS_MIN_VERSION", "1.2")
	s.start()
	if code, _, err := s.over(trusting(cert), "DELETE", address, "AmiFox"); err != nil || code != http.StatusAccepted {
		t.Errorf("DELETE after a restart = %d, %v; want 202, with the certificate of before", code, err)
	}
	old := trusting(cert)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if code, _, err := s.over(old, "HEAD", address, "AmiFox"); err == nil {
		t.Errorf("with TLS_MIN_VERSION=1.2 a client of 1.1 is answered %d, want none", code)
	}
}

// TestWrongCertificatesAreAllNamed, at the start and by config check.
func TestWrongCertificatesAreAllNamed(t *testing.T) {
	s, _ := newPretendStack(t)
	cert, key := hoststest.Certificate(t)
	_, other := hoststest.Certificate(t)
	s.withTLS()
	s.withGateway()
	s.set("GATEWAY_TLS_LISTEN", proctest.FreeAddr(t))
	s.set("TLS_CERT", cert+"~"+other)
	s.set("GATEWAY_TLS_CERT", "/nowhere/cert.pem~"+key)
	for line, code := range map[string]int{"config check": 1, "": 2} {
		s.want("distributor "+line, s.run(code, "distributor", strings.Fields(line)...),
			"TLS_CERT: certificate "+cert+" with key "+other+": ", "private key does not match public key",
			"GATEWAY_TLS_CERT: stat /nowhere/cert.pem: no such file or directory")
	}
	s.set("TLS_CERT", cert+"~"+key)
	s.set("GATEWAY_TLS_CERT", "self-signed")
	s.want("config check", s.run(0, "distributor", "config", "check"), "TLS 1.0 and later, with "+cert)
}

// TestE2ENewCertificateIsTakenUp: within the time that the document says, while requests go on.
func TestE2ENewCertificateIsTakenUp(t *testing.T) {
	proctest.E2E(t)
	s, _ := newPretendStack(t)
	address := s.withTLS()
	files := t.TempDir()
	paths := [2]string{filepath.Join(files, "cert.pem"), filepath.Join(files, "key.pem")}
	install := func() {
		t.Helper()
		cert, key := hoststest.Certificate(t)
		for i, from := range []string{cert, key} {
			if err := os.Rename(from, paths[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	install()
	s.set("TLS_CERT", strings.Join(paths[:], "~"))
	s.start()
	shown := func() *x509.Certificate {
		code, cert, err := s.over(&tls.Config{InsecureSkipVerify: true}, "HEAD", address, "AmiFox")
		if err != nil || code != http.StatusNoContent {
			t.Fatalf("HEAD = %d, %v\n%s", code, err, s.proc.Output())
		}
		return cert
	}
	first := shown()
	if err := os.WriteFile(paths[1], []byte("half of a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.eventually("the log says that the files are no good", func() bool {
		return shown().Equal(first) && strings.Contains(s.proc.Output(), fmt.Sprintf("certificate %s with key %s", paths[0], paths[1]))
	})
	install()
	s.eventually("the new certificate is shown", func() bool { return !shown().Equal(first) })
}
