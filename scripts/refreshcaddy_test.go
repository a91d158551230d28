package scripts_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestRefreshAsksForNoCaddy where there is none: Compose knows no such service without the
// profile tls, and says so.
func TestRefreshAsksForNoCaddy(t *testing.T) {
	dir := stackFolder(t)
	env := pretendDocker(t, dir, `case "$*" in *caddy*) echo "No such service: caddy" >&2; exit 1 ;; esac`)
	write(t, filepath.Join(dir, "services/distributor"), "", 0o600)
	write(t, filepath.Join(dir, "scripts/stack.sh"), "#!/bin/sh\n", 0o700) // up
	out, code := script(t, dir, env, "refresh.sh")
	if code != 0 || strings.Contains(out, "caddy") {
		t.Errorf("exit code %d, want 0, and nothing of caddy:\n%s", code, out)
	}
}
