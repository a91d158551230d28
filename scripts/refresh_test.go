package scripts_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// TestE2ERefresh: newer images of all parts take the place of the old ones, while a client
// asks and browses without a pause. It keeps its session.
func TestE2ERefresh(t *testing.T) {
	proctest.E2E(t)
	wrp := hoststest.Publish(t)
	host := startHost(t)
	f := newFront(t, host, "WRP_IMAGE="+wrp.Name)
	mysql, caddy := f.ownImage(t, "MYSQL_IMAGE", "wrp-test-mysql"), f.ownImage(t, "CADDY_IMAGE", caddyImage)
	r := &rebooting{front: f, host: host}
	refuses(t, "The stack does not run", f.dir, nil, "refresh.sh")
	r.begins(t)

	before := r.parts(t)
	hoststest.Derive(t, "wrp-test-mysql", mysql)
	hoststest.Derive(t, caddyImage, caddy)
	r.isNewer(t)
	newer := wrp.Newer()
	r.refreshesUnderLoad(t)
	after := r.parts(t)
	for service, part := range after {
		if part == before[service] {
			t.Errorf("%s is the one of before the refresh: %s", service, part)
		}
	}
	if wrp.ID() != newer {
		t.Error("the host has not pulled WRP")
	}
	r.succeeds(t, "All is as new as it can be had", "refresh.sh")
	if again := r.parts(t); !maps.Equal(again, after) {
		t.Errorf("a refresh without newer images has exchanged parts: %v, were %v", again, after)
	}
	r.goesOn(t, "two refreshes")
	r.goesBack(t)
}

// goesBack: a distributor that does not start has the refresh end with the way back.
func (r *rebooting) goesBack(t *testing.T) {
	t.Helper()
	before := r.parts(t)
	broken := filepath.Join(r.dir, "cmd", "distributor", "broken.go")
	write(t, broken, "package main\n\nimport \"os\"\n\nfunc init() { os.Exit(3) }\n", 0o600)
	out, code := r.script(t, "refresh.sh")
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	var back []string
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "  docker tag ") {
			back = append(back, line)
		}
	}
	if code != 1 || len(back) != 1 || !strings.Contains(out, "does not serve") {
		t.Fatalf("refresh with a distributor that ends at once: exit code %d, want 1 and one command that goes back:\n%s", code, out)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", back[0])
	cmd.Dir = r.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", back[0], err, out)
	}
	r.goesOn(t, "a refresh that failed")
	after := r.parts(t)
	if after["mysql"] != before["mysql"] || after["cleanup"] != before["cleanup"] {
		t.Errorf("a refresh that failed, and back, has exchanged parts: %v, were %v", after, before)
	}
}

// ownImage gives the stack an image that the test may exchange.
func (f *front) ownImage(t *testing.T, variable, from string) string {
	t.Helper()
	name := f.project + "-" + strings.ToLower(variable)
	hoststest.Derive(t, from, name)
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", "-f", name).Run() })
	f.sets(t, variable+"="+name)
	return name
}

// isNewer: the programs, too, are others, since a file that is in them is.
func (f *front) isNewer(t *testing.T) {
	t.Helper()
	file := filepath.Join(f.dir, "docs", "openapi.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, string(text)+"# newer\n", 0o600)
}

// parts returns the container of each service.
func (f *front) parts(t *testing.T) map[string]string {
	t.Helper()
	list := make(map[string]string)
	for _, service := range []string{"mysql", "distributor", "cleanup", "caddy"} {
		list[service] = f.container(t, service)
	}
	return list
}

// refreshesUnderLoad: the client asks all the time, also while parts are exchanged.
func (r *rebooting) refreshesUnderLoad(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.asksUntil(ctx, t) }()
	out, code := r.script(t, "refresh.sh")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if code != 0 || strings.Count(out, "has a newer image now") != 3 {
		t.Errorf("refresh: exit code %d, want 0 and three newer images:\n%s", code, out)
	}
	r.goesOn(t, "a refresh")
}

// asksUntil asks for the session, and fails if there is another one.
func (r *rebooting) asksUntil(ctx context.Context, t *testing.T) error {
	for ctx.Err() == nil {
		a, err := r.puts(t)
		if err == nil && (a.Code == http.StatusAccepted || a.Code == http.StatusNoContent && a.Header.Get("X-Wrp-Token") != r.token) {
			return errors.New("a client lost its session during the refresh")
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}
