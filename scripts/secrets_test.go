package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
)

// TestSecretsAreTheirOwnersAlone: "make up" makes those that are missing, and nobody else
// may read the file that it puts them into, not even one that was copied by hand.
func TestSecretsAreTheirOwnersAlone(t *testing.T) {
	if exec.Command("docker", "version").Run() != nil {
		hoststest.Missing(t, "a Docker engine")
	}
	hoststest.StandIn(t)
	needCompose(t, hoststest.Image)
	const noImage = "MYSQL_IMAGE=127.0.0.1:1/none:1" // so that nothing is started
	for name, byHand := range map[string][]string{"no .env": nil, "a .env for everybody": {"AUTH_TOKEN=k"}} {
		dir := newFolder(t, byHand)
		file := filepath.Join(dir, ".env")
		if byHand != nil {
			if err := os.Chmod(file, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		refuses(t, "The image 127.0.0.1:1/none:1 cannot be pulled", dir, []string{noImage}, "stack.sh", "up")
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil || info.Mode().Perm() != 0o600 || !strings.Contains(string(text), "\nMYSQL_PASSWORD=") || strings.Contains(string(text), "\nAUTH_TOKEN=\n") {
			t.Errorf("%s: .env has mode %v, %v, want 0600 and both secrets in it", name, info.Mode(), err)
		}
	}
}
