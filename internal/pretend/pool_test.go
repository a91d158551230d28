package pretend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// TestPool starts hosts, and gets to them by the manifest alone.
func TestPool(t *testing.T) {
	pool, made, err := StartPool(3, Config{HasImage: true, EngineID: "E", HostKeySeed: bytes.Repeat([]byte{1}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "pretend.json")
	for range 2 { // the second time over a file that is there
		if err := made.Save(file); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("files = %v, %v", left, err)
	}
	m, err := LoadManifest(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made, m); diff != "" {
		t.Errorf("manifest (-saved +loaded):\n%s", diff)
	}
	text, err := m.KnownHosts()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "known_hosts")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	known, err := knownhosts.New(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, mh := range m.Hosts {
		signer, err := mh.Signer()
		if err != nil {
			t.Fatal(err)
		}
		c, err := ssh.Dial("tcp", mh.SSHAddr, &ssh.ClientConfig{User: mh.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: known})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		cli := docker(t, func(ctx context.Context) (net.Conn, error) { return c.DialContext(ctx, "unix", dockerSocket) })
		info, err := cli.Info(t.Context())
		if want := fmt.Sprintf("E-%d", i+1); err != nil || info.ID != want || pool.Hosts[i].Addr() != fmt.Sprintf("127.0.0.%d", i+2) {
			t.Errorf("host %d = %s at %s, %v", i, info.ID, pool.Hosts[i].Addr(), err)
		}
	}
}

// TestPoolStartsWholeOrNot checks that no host is left when one cannot be started.
func TestPoolStartsWholeOrNot(t *testing.T) {
	if _, _, err := StartPool(3, Config{Addr: "127.255.255.254"}); err == nil {
		t.Error("a pool reached beyond 127.0.0.0/8")
	}
	if _, _, err := StartPool(1, Config{Addr: "x"}); err == nil {
		t.Error("a pool started at x")
	}
}

func TestLoadManifest(t *testing.T) {
	if _, err := LoadManifest(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	h := startHost(t, Config{})
	key := h.Manifest().HostKey
	for _, text := range []string{"", "{", `{"hosts":1}`, `{"hosts":[{}]}`, `{"hosts":[{"hostKey":"` + key + `","clientKey":"x"}]}`} {
		file := filepath.Join(t.TempDir(), "m")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := LoadManifest(file); err == nil || len(m.Hosts) != 0 {
			t.Errorf("manifest %q = %+v, %v", text, m, err)
		}
	}
	if err := (Manifest{}).Save(filepath.Join(t.TempDir(), "no", "such", "folder")); err == nil {
		t.Error("saved in a folder that is not there")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := (Manifest{}).Save(filepath.Join(dir, "taken")); err == nil {
		t.Error("saved as a folder")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("a failed save left %v, %v", left, err)
	}
}

// TestRandomAddrs draws so many addresses that some come twice, unless what was
// given is remembered.
func TestRandomAddrs(t *testing.T) {
	next, err := addresses(AnyAddr)
	if err != nil {
		t.Fatal(err)
	}
	const n = 100_000
	given := make(map[string]bool)
	for range n {
		given[next()] = true
	}
	if len(given) != n {
		t.Errorf("%d of %d addresses are different", len(given), n)
	}
}

// TestManyAtOnce starts 64 containers at once on a few hosts, each of which has
// to answer for itself.
func TestManyAtOnce(t *testing.T) {
	pool, _, err := StartPool(4, Config{Addr: AnyAddr, HasImage: true})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	const each = 16
	var all sync.WaitGroup
	for _, h := range pool.Hosts {
		c := dockerOn(t, h)
		for i := range each {
			port := 9000 + i
			all.Go(func() {
				token := fmt.Sprintf("%s-%d", h.Addr(), port)
				resp, err := c.ContainerCreate(t.Context(), &container.Config{Image: DefaultImage, Cmd: []string{"-token", token}}, publish(port), nil, nil, fmt.Sprintf("wrp_%d", port))
				if err == nil {
					err = c.ContainerStart(t.Context(), resp.ID, container.StartOptions{})
				}
				if err != nil {
					t.Error(err)
					return
				}
				if got := get(t, h, port, "/", token); got != 200 {
					t.Errorf("%s:%d = %d", h.Addr(), port, got)
				}
				if err := c.ContainerRemove(t.Context(), resp.ID, container.RemoveOptions{Force: i%2 == 0}); (err == nil) != (i%2 == 0) {
					t.Errorf("remove of %s:%d: %v", h.Addr(), port, err)
				}
			})
		}
	}
	all.Wait()
	for _, h := range pool.Hosts {
		if n := len(h.Containers()); n != each/2 {
			t.Errorf("%s has %d containers, want %d", h.Addr(), n, each/2)
		}
	}
}
