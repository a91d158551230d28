package scripts_test

import (
	"path/filepath"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// TestE2EComposeV2 takes the stack, with Caddy, through its life on a machine of its own with
// the Compose that most have today, whose engine and which itself are restarted.
func TestE2EComposeV2(t *testing.T) {
	proctest.E2E(t)
	m := startComposeMachine(t)
	m.says("The stack is up", "cd /opt/wrp && make up")
	m.says("202", "cd /opt/wrp && "+putTo("http://127.0.0.1:7777/"))
	m.says("204", "cd /opt/wrp && "+putTo("--insecure --resolve wrp.example:443:127.0.0.1 https://wrp.example/"))
	m.says("0 things would be done", "cd /opt/wrp && scripts/stack.sh cleanup --dry-run --timeout 60")
	m.says("Backed up", "cd /opt/wrp && make backup FILE=b.sql")
	m.Run("cd /opt/wrp && scripts/stack.sh stop cleanup && scripts/stack.sh up cleanup")
	m.says("204", "cd /opt/wrp && "+putTo("http://127.0.0.1:7777/"))

	m.Run("systemctl restart docker")
	m.Await(putTo("http://127.0.0.1:7777/") + " | grep 20[24]")
	m.Reboot()
	m.Await(putTo("--insecure --resolve wrp.example:443:127.0.0.1 https://wrp.example/") + " | grep 20[24]")
	m.Await("cd /opt/wrp && scripts/stack.sh ps --services --filter status=running | grep cleanup")

	m.Run("cd /opt/wrp && make destroy")
	if left := m.Run("docker ps -aq; docker volume ls -q"); left != "" {
		t.Errorf("left of the stack are:\n%s", left)
	}
}

// putTo prints the code that a client's PUT is answered with.
func putTo(url string) string {
	return "curl -sS -o /dev/null -w '%{http_code}' -X PUT -H 'Bearer: k' -A a " + url
}

// startComposeMachine starts a machine with this repository and its Go, which is not there as
// a package.
func startComposeMachine(t *testing.T) *machine {
	t.Helper()
	hoststest.StandIn(t)
	for _, image := range []string{"wrp-test-mysql", "wrp-test-caddy"} {
		hoststest.NeedImage(t, image)
	}
	images := filepath.Join(t.TempDir(), "images.tar")
	hoststest.Docker(t, "save", "-o", images, "wrp-test-mysql", "wrp-test-caddy", hoststest.Image)
	repository := newFolder(t, []string{
		"AUTH_TOKEN=k", "MYSQL_IMAGE=wrp-test-mysql", "WRP_IMAGE=" + hoststest.Image,
		"COMPOSE_PROFILES=tls", "CADDY_NAME=wrp.example", "CADDY_TLS=internal", "CADDY_IMAGE=wrp-test-caddy",
	}, "Makefile", "go.mod", "go.sum", "cmd", "internal", "migrations", "docker", "docs", "packaging")
	goEnv := func(name string) string { return hoststest.Run(t, "go", "env", name) }
	m := &machine{t: t, Machine: hoststest.StartMachine(t, "wrp-test-new-host", hoststest.Rebooting,
		"-v", images+":/images/all.tar:ro", "-v", repository+":/opt/wrp", "-v", goEnv("GOROOT")+":/usr/local/go:ro",
		"-v", goEnv("GOMODCACHE")+":/root/go/pkg/mod", "-v", goEnv("GOCACHE")+":/root/.cache/go-build")}
	m.Await("test -e /run/ready")
	m.Run("apt-get -qq update && apt-get -qq -y install docker-compose make curl && ln -s /usr/local/go/bin/go /usr/local/bin/")
	if version := m.Run("docker compose version --short"); !strings.HasPrefix(version, "2") {
		t.Fatalf("Compose is %s, want version 2", version)
	}
	return m
}
