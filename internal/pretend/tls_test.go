package pretend

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"

	"wrpdistributor/internal/porttest"
)

// certificate writes a certificate and its key and returns their files.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certDER, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("fullchain.pem", "CERTIFICATE", certDER), write("privkey.pem", "PRIVATE KEY", keyDER)
}

// TestTLS starts containers with certificate files of all sorts.
func TestTLS(t *testing.T) {
	h, c := ready(t)
	cert, key := certificate(t)
	otherCert, _ := certificate(t)
	binds := func(cert, key string) *container.HostConfig {
		return &container.HostConfig{Binds: []string{cert + ":/data/cert.crt:ro", key + ":/data/private.key:ro"}}
	}
	for _, tt := range []struct {
		name string
		host *container.HostConfig
		want int
	}{
		{"binds", binds(cert, key), 200},
		{"mounts", &container.HostConfig{Mounts: []mount.Mount{
			{Type: mount.TypeBind, Source: cert, Target: "/data/cert.crt"},
			{Type: mount.TypeBind, Source: key, Target: "/data/private.key"},
		}}, 200},
		{"nothing", binds("/dev/null", "/dev/null"), 0},
		{"missing files", binds("/no/such", "/no/such"), 0},
		{"key of another", binds(otherCert, key), 0},
		{"not mounted", new(container.HostConfig), 0},
		{"mounted elsewhere", &container.HostConfig{Binds: []string{cert + ":/cert.crt", key + ":/private.key"}}, 0},
	} {
		plain, secure := porttest.Free(t), porttest.Free(t)
		tt.host.PortBindings = nat.PortMap{
			"8080/tcp": {{HostIP: "127.0.0.1", HostPort: strconv.Itoa(plain)}},
			"8081/tcp": {{HostIP: "0.0.0.0", HostPort: strconv.Itoa(secure)}},
		}
		id := launch(t, c, "", tt.host, "-token", "T")
		url := fmt.Sprintf("https://%s:%d/", h.Addr(), secure)
		got, err := fetch(t.Context(), url, "T", &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}})
		if got != tt.want {
			t.Errorf("%s: GET over TLS = %d, %v, want %d", tt.name, got, err, tt.want)
		}
		// The port takes connections in any case, and plain HTTP is there too.
		if nc, err := net.Dial("tcp", at(h, secure)); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else {
			nc.Close()
		}
		if got := get(t, h, plain, "/", "T"); got != 200 {
			t.Errorf("%s: plain GET = %d", tt.name, got)
		}
		// A paused TLS container must not hold up its own end.
		if err := c.ContainerPause(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if err := c.ContainerRemove(t.Context(), id, container.RemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	}
}

// TestInnerPorts publishes ports that the command line moves, or nobody listens on.
func TestInnerPorts(t *testing.T) {
	h, c := ready(t)
	for _, tt := range []struct {
		private nat.Port
		args    []string
		want    int
	}{
		{"8080/tcp", nil, 200},
		{"9000/tcp", nil, 0},
		{"9000/tcp", []string{"-l", ":9000"}, 200},
		{"8080/tcp", []string{"-l", ":9000"}, 0},
		{"8080/tcp", []string{"-l", "nonsense"}, 0},
	} {
		host := &container.HostConfig{PortBindings: nat.PortMap{tt.private: {{}}}}
		id := launch(t, c, "", host, tt.args...)
		info, err := c.ContainerInspect(t.Context(), id)
		if err != nil || len(info.NetworkSettings.Ports[tt.private]) != 1 {
			t.Fatalf("ports = %+v, %v", info.NetworkSettings, err)
		}
		port, err := strconv.Atoi(info.NetworkSettings.Ports[tt.private][0].HostPort)
		if err != nil {
			t.Fatal(err)
		}
		if got := get(t, h, port, "/", ""); got != tt.want {
			t.Errorf("port %s with %v = %d, want %d", tt.private, tt.args, got, tt.want)
		}
	}
}
