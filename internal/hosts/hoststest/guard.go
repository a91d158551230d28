package hoststest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/proctest"
)

// A Guard is a hostguard of the test's own before this machine's engine.
type Guard struct {
	Socket string
	Config string // file of its settings
	State  string // folder of what it has learned
	Bin    string

	t       testing.TB
	process *proctest.Process
}

// StartGuard starts one that runs as long as the test, with lines of settings beside those
// that say where it is.
func StartGuard(t testing.TB, settings ...string) *Guard {
	t.Helper()
	g := NewGuard(t, settings...)
	g.Start()
	return g
}

// NewGuard prepares one, which may also be started by a key.
func NewGuard(t testing.TB, settings ...string) *Guard {
	t.Helper()
	bin := GuardProgram(t)
	dir := t.TempDir()
	g := &Guard{Socket: filepath.Join(dir, "run", "docker.sock"), Config: filepath.Join(dir, "conf"), State: filepath.Join(dir, "state"), Bin: bin, t: t}
	for _, folder := range []string{filepath.Dir(g.Socket), g.State} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, g.Config, strings.Join(append(settings, "STATE_DIR="+g.State), "\n")+"\n")
	return g
}

// GuardProgram returns hostguard as it is installed on hosts.
func GuardProgram(t testing.TB) string {
	t.Helper()
	bin, err := buildGuard()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// Start starts the guard, again after [Guard.Kill].
func (g *Guard) Start() {
	g.t.Helper()
	g.process = proctest.Start(g.t, exec.Command(g.Bin, "--config", g.Config, "--listen", g.Socket))
	for deadline := time.After(time.Minute); ; {
		if nc, err := net.Dial("unix", g.Socket); err == nil {
			nc.Close()
			if info, err := os.Stat(g.Socket); err == nil && info.Mode().Perm() == 0o660 { // for others, too
				return
			}
		}
		select {
		case <-g.process.Done():
			g.t.Fatalf("hostguard ended at once:\n%s", g.process.Output())
		case <-deadline:
			g.t.Fatal("hostguard does not listen")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Kill kills the guard.
func (g *Guard) Kill() { g.process.Kill() }

// Process is the guard's.
func (g *Guard) Process() *proctest.Process { return g.process }

// KeyOptions are for a key whose commands reach the engine through a guard of their own.
func (g *Guard) KeyOptions() string {
	return fmt.Sprintf(`restrict,port-forwarding,permitopen="127.0.0.1:*",command="%s --config %s --stdio"`, g.Bin, g.Config)
}

// GuardedKey are the options of a key on a host that has a guard.
const GuardedKey = `restrict,port-forwarding,command="/bin/false",permitopen="[/run/wrp-hostguard/docker.sock]:*",permitopen="127.0.0.1:*"`

// before returns the command with which a program sees the guard's socket where packages
// put it, and none of Docker's.
func (g *Guard) before(program string, args ...string) *exec.Cmd {
	const enter = `mount -t tmpfs tmpfs /run && mkdir /run/sshd /run/wrp-hostguard && mount --bind "$1" /run/wrp-hostguard && shift && exec "$@"`
	return exec.Command("unshare", append([]string{"--mount", "sh", "-c", enter, "sh", filepath.Dir(g.Socket), program}, args...)...)
}

// buildGuard builds the command once per test binary. Its folder is swept by the system.
var buildGuard = sync.OnceValues(func() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "wrp-hostguard")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "wrp-hostguard")
	if out, err := command(root, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, "./cmd/hostguard"); err != nil {
		return "", fmt.Errorf("build hostguard: %w: %s", err, out)
	}
	return bin, nil
})
