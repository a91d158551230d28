package hosts

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/porttest"
)

// TestRealMissingCertificate: files that are missing concern TLS on that host, and
// nothing else, until they are there.
func TestRealMissingCertificate(t *testing.T) {
	p, id := realPool(t)
	dir := filepath.Join(t.TempDir(), "certificates")
	files := &TLSFiles{Cert: filepath.Join(dir, "cert.crt"), Key: filepath.Join(dir, "private.key")}
	p.hosts[0].TLS = files
	spec := Spec{Ref: Ref{Host: "local", Name: "wrp_" + id[:8] + "_7", Session: 7, Nonce: "n"}, Port: porttest.Free(t), Token: "secret", TLS: true}
	serves := func(noTLS string) {
		t.Helper()
		if st := p.Status()[0]; st.State != Up || st.NoTLS != noTLS {
			t.Errorf("status = %+v, want up, and no TLS because of %q", st, noTLS)
		}
	}
	p.CheckHealth(t.Context())
	serves("certificate files missing")
	if _, err := p.Create(t.Context(), spec); !errors.Is(err, ErrCertificate) {
		t.Errorf("Create without certificate files = %v, want ErrCertificate", err)
	}
	serves("certificate files missing")
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the engine made something in place of the files: %v", err)
	}
	cert, key := hoststest.Certificate(t)
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Rename(cert, files.Cert), os.Rename(key, files.Key)); err != nil {
		t.Fatal(err)
	}
	p.CheckHealth(t.Context())
	serves("")
	var err error
	if spec.ID, err = p.Create(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Start(t.Context(), spec.Ref), p.Ready(t.Context(), spec), p.Remove(t.Context(), spec.Ref)); err != nil {
		t.Error(err)
	}
	if spec.ID, err = p.Create(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context(), spec.Ref); !errors.Is(err, ErrCertificate) {
		t.Errorf("Start after the files went = %v, want ErrCertificate", err)
	}
	serves("certificate files missing")
}
