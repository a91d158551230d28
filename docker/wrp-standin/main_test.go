package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/pretend/standin"
)

// start runs the command in dir and returns the addresses that it logs, and
// what run returned in the end.
func start(t *testing.T, ctx context.Context, dir string, args ...string) (plain, secure string, ended <-chan error) {
	t.Helper()
	t.Chdir(dir)
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, append([]string{"-l", "127.0.0.1:0", "-sl", "127.0.0.1:0"}, args...), w)
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if _, addr, ok := strings.Cut(line, " HTTP on "); ok {
			plain = addr
		}
		if _, addr, ok := strings.Cut(line, " HTTPS on "); ok {
			secure = addr
			break
		}
		if strings.Contains(line, "no HTTPS") {
			break
		}
	}
	go io.Copy(io.Discard, r)
	if plain == "" {
		t.Fatalf("run logged no address: %v", <-done)
	}
	return plain, secure, done
}

func status(t *testing.T, url, token string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Bearer", token)
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
	}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	if resp.Header.Get("X-Standin") == "" {
		t.Errorf("GET %s: no X-Standin header", url)
	}
	return resp.StatusCode
}

func TestRunUntilSignal(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	plain, secure, ended := start(t, ctx, t.TempDir(), "-token", "T")
	if got := status(t, "http://"+plain, "T"); got != 200 {
		t.Errorf("with the token: %d", got)
	}
	if got := status(t, "http://"+plain, ""); got != 401 {
		t.Errorf("without: %d", got)
	}
	if secure != "" {
		t.Errorf("HTTPS without certificate files on %s", secure)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("run = %v", err)
	}
}

func TestShutdownRequest(t *testing.T) {
	plain, _, ended := start(t, t.Context(), t.TempDir(), "-token", "T")
	if got := status(t, "http://"+plain+"/shutdown/", ""); got != 200 {
		t.Errorf("GET /shutdown/ = %d", got)
	}
	if err := <-ended; !errors.Is(err, errShutdown) {
		t.Errorf("run = %v, want %v", err, errShutdown)
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	writeCertificate(t, dir)
	_, secure, _ := start(t, t.Context(), dir, "-token", "T")
	if secure == "" {
		t.Fatal("no HTTPS with good certificate files")
	}
	if got := status(t, "https://"+secure, "T"); got != 200 {
		t.Errorf("GET over TLS = %d", got)
	}
}

func TestUnusableCertificate(t *testing.T) {
	dir := t.TempDir()
	writeCertificate(t, dir)
	if err := os.WriteFile(filepath.Join(dir, standin.KeyFile), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	plain, secure, _ := start(t, t.Context(), dir)
	if secure != "" {
		t.Errorf("HTTPS on %s with a broken key", secure)
	}
	if got := status(t, "http://"+plain, ""); got != 200 {
		t.Errorf("GET = %d", got)
	}
}

func TestBadArgs(t *testing.T) {
	if err := run(t.Context(), []string{"-unknown"}, io.Discard); !errors.Is(err, errUsage) {
		t.Errorf("unknown flag: %v", err)
	}
	err := run(t.Context(), []string{"-l", "nowhere:x"}, io.Discard)
	if err == nil || errors.Is(err, errUsage) {
		t.Errorf("impossible address: %v", err)
	}
}

func TestLogFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	logger, closeLog := openLog(name, io.Discard)
	logger.Print("a line")
	closeLog()
	if text, err := os.ReadFile(name); err != nil || !strings.Contains(string(text), "a line") {
		t.Errorf("log = %q, %v", text, err)
	}
	var b strings.Builder
	logger, closeLog = openLog(filepath.Join(name, "impossible"), &b)
	defer closeLog()
	logger.Print("another line")
	if !strings.Contains(b.String(), "another line") {
		t.Errorf("the fallback log = %q", b.String())
	}
}

func writeCertificate(t *testing.T, dir string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		standin.CertFile: {Type: "CERTIFICATE", Bytes: cert},
		standin.KeyFile:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
