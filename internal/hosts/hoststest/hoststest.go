// Package hoststest gives tests real container hosts: a private OpenSSH server
// in front of this machine's Docker engine, and a stand-in WRP image.
package hoststest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Image is the stand-in WRP image that [StandIn] builds.
const Image = "wrp-standin:test"

// Missing skips a test that needs a part which is not installed. In CI, where all
// parts should be, it fails the test.
func Missing(t testing.TB, part string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("missing: %s", part)
	}
	t.Skipf("missing: %s", part)
}

// StandIn makes sure that this machine's engine has the stand-in image.
func StandIn(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("docker"); err != nil {
		Missing(t, "the docker command")
	}
	if out, err := command("", "docker", "version", "--format", "{{.Server.Version}}"); err != nil {
		Missing(t, "a Docker engine: "+out)
	}
	if err := buildImage(); err != nil {
		t.Fatal(err)
	}
}

// buildImage builds the image, once per test binary.
var buildImage = sync.OnceValue(func() error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "wrp-standin")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "wrp-standin")
	if out, err := command(root, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-ldflags=-s", "-o", binary, "./docker/wrp-standin"); err != nil {
		return fmt.Errorf("build stand-in: %w: %s", err, out)
	}
	if out, err := command(root, "docker", "build", "-q", "-t", Image, "-f", "docker/wrp-standin/Dockerfile", dir); err != nil {
		return fmt.Errorf("build stand-in image: %w: %s", err, out)
	}
	return nil
})

// Root returns the folder of the repository.
func Root(t testing.TB) string {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func moduleRoot() (string, error) {
	mod, err := command("", "go", "env", "GOMOD")
	if err != nil {
		return "", fmt.Errorf("find go.mod: %w: %s", err, mod)
	}
	return filepath.Dir(mod), nil
}

// command runs a program and returns what it printed.
func command(dir, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute) // of a compiler with an empty cache
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(bytes.TrimSpace(out)), err
}

// Docker runs the docker command against this machine's engine.
func Docker(t testing.TB, args ...string) string {
	t.Helper()
	out, err := command("", "docker", args...)
	if err != nil {
		t.Fatalf("docker %v: %v\n%s", args, err, out)
	}
	return out
}

// Derive gives a name to a new image that does the same as another one.
func Derive(t testing.TB, from, name string) {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf("FROM %s\nLABEL derived=%q\n", from, rand.Text())
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	Docker(t, "build", "-q", "-t", name, dir)
}

// RemoveContainers removes all containers of a database from this machine's
// engine.
func RemoveContainers(t testing.TB, databaseID string) {
	t.Helper()
	if ids := Docker(t, "ps", "-aq", "--filter", "label=wrpdistributor.database="+databaseID); ids != "" {
		Docker(t, append([]string{"rm", "-fv"}, strings.Fields(ids)...)...)
	}
}
