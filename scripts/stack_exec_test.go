package scripts_test

import (
	"os/exec"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
)

// stackFolder returns a folder whose stack has no Docker.
func stackFolder(t *testing.T, env ...string) string {
	t.Helper()
	return newFolder(t, append([]string{"AUTH_TOKEN=k", "COMPOSE_PROJECT_NAME=wrp-none", "CONTAINER_HOSTS=u@h", "MYSQL_PASSWORD=p"}, env...))
}

// TestExecWithoutATerminal: in a crontab or a pipe Compose 1.29 says that "the input device is
// not a TTY", unless it is told.
func TestExecWithoutATerminal(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"exec distributor /distributor status", "exec -T distributor /distributor status"},
		{"exec -T caddy cat f", "exec -T caddy cat f"}, // twice it is not understood
		{"exec -u root -T caddy cat f", "exec -u root -T caddy cat f"},
		{"exec --no-TTY caddy cat f", "exec --no-TTY caddy cat f"},
		{"run --rm --no-deps distributor migrate --down", "run -T --rm --no-deps distributor migrate --down"},
		{"ps distributor", "ps distributor"},
	} {
		dir := stackFolder(t)
		succeeds(t, "", dir, pretendDocker(t, dir, ""), "stack.sh", strings.Fields(tt.args)...)
		if got := told(t, dir); got != tt.want+"\n" {
			t.Errorf("%s: Compose is told %q, want %q", tt.args, got, tt.want)
		}
	}
}

// TestExecOnATerminal has it.
func TestExecOnATerminal(t *testing.T) {
	if _, err := exec.LookPath("script"); err != nil {
		hoststest.Missing(t, "script")
	}
	dir := stackFolder(t)
	cmd := exec.CommandContext(t.Context(), "script", "-qec", "scripts/stack.sh exec mysql sh", "/dev/null")
	cmd.Dir, cmd.Env = dir, pretendDocker(t, dir, "")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := told(t, dir); got != "exec mysql sh\n" {
		t.Errorf("Compose is told %q", got)
	}
}
