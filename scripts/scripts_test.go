// Package scripts_test tries the scripts that make runs, as make runs them.
package scripts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWholeStackIsNotAService: a service behind a command that ends all sessions
// was meant for that service only.
func TestWholeStackIsNotAService(t *testing.T) {
	dir := newFolder(t, []string{"AUTH_TOKEN=k"})
	for _, args := range [][]string{{"down", "cleanup"}, {"down", "-v"}, {"destroy", "mysql"}, {"image", "x"}} {
		refuses(t, args[0]+" concerns the whole stack", dir, nil, "stack.sh", args...)
	}
	refuses(t, "What? image, up,", dir, nil, "stack.sh")
}

// TestUpRefusesAnotherDatabase: the stack would begin with an empty one of its own,
// beside that of the PHP program's stack for example.
func TestUpRefusesAnotherDatabase(t *testing.T) {
	const php = "SESSION_DATABASE_DSN=mysql:dbname=wrpdistributor;host=mysql_wrpdistributor;password=hunter2"
	for _, tt := range []struct{ file, env []string }{
		{file: []string{php}},
		{file: []string{"export SESSION_DATABASE_DSN = 'sqlite:data/x.db'"}},
		{file: []string{"SESSION_DATABASE_DSN_FILE=/run/dsn"}},
		{env: []string{php}},
	} {
		dir := newFolder(t, append(tt.file, "AUTH_TOKEN=k"))
		for _, want := range []string{"make restore FILE=", "take SESSION_DATABASE_DSN"} {
			refuses(t, want, dir, tt.env, "stack.sh", "up")
		}
		if out, _ := script(t, dir, tt.env, "stack.sh", "up"); strings.Contains(out, "hunter2") {
			t.Errorf("up prints a password:\n%s", out)
		}
		if text, err := os.ReadFile(filepath.Join(dir, ".env")); err != nil || strings.Contains(string(text), "MYSQL_PASSWORD") {
			t.Errorf(".env was changed, or %v:\n%s", err, text)
		}
	}
}

// TestRunPublishesOnLoopback: what serves on this machine only starts containers
// for this machine only, unless somebody chose otherwise.
func TestRunPublishesOnLoopback(t *testing.T) {
	for _, tt := range []struct{ env, want string }{
		{"", "LISTEN=127.0.0.1:7777 PUBLISH_ADDRESS=127.0.0.1"},
		{"PUBLISH_ADDRESS=192.168.1.7", "LISTEN=127.0.0.1:7777 PUBLISH_ADDRESS=192.168.1.7"},
		{"LOCAL_ADDRESS=192.168.1.7", "LISTEN=127.0.0.1:7777 PUBLISH_ADDRESS="},
		{"LISTEN=:7777", "LISTEN=:7777 PUBLISH_ADDRESS="},
	} {
		dir := newFolder(t, []string{"AUTH_TOKEN=k", "CONTAINER_HOSTS=local"})
		write(t, filepath.Join(dir, "bin/distributor"), "#!/bin/sh\necho it gets \"LISTEN=$LISTEN PUBLISH_ADDRESS=$PUBLISH_ADDRESS.\"\n", 0o700)
		succeeds(t, "it gets "+tt.want+".", dir, []string{tt.env}, "run.sh")
	}
}

// TestRunLetsABrowserIn: at the gateway, by an account that it makes, unless somebody chose
// otherwise.
func TestRunLetsABrowserIn(t *testing.T) {
	for _, tt := range []struct{ env, want, says string }{
		{"", "PORTAL=accounts GATEWAY_LISTEN=127.0.0.1:7778 GATEWAY_ADDRESS=127.0.0.1:7778", "Or open http://127.0.0.1:7778/ in a browser: name demo, password abcd-efgh"},
		{"PORTAL=off", "PORTAL=off GATEWAY_LISTEN= GATEWAY_ADDRESS=", "it gets"},
		{"GATEWAY_LISTEN=:80", "PORTAL=accounts GATEWAY_LISTEN=:80 GATEWAY_ADDRESS=", "in a browser"},
	} {
		dir := newFolder(t, []string{"AUTH_TOKEN=k", "CONTAINER_HOSTS=local"})
		write(t, filepath.Join(dir, "bin/distributor"), `#!/bin/sh
case $1 in
healthcheck) exit 0 ;;
accounts) echo '{"name":"demo","password":"abcd-efgh"}'; exit 0 ;;
esac
echo "it gets PORTAL=$PORTAL GATEWAY_LISTEN=$GATEWAY_LISTEN GATEWAY_ADDRESS=$GATEWAY_ADDRESS."
`, 0o700)
		for _, want := range []string{"it gets " + tt.want + ".", tt.says} {
			succeeds(t, want, dir, []string{tt.env}, "run.sh")
		}
	}
}

// TestRunTellsAnAccountThatIsThere: what answers may wait for its database at first, or be
// another service. Then there is no account yet, and no password was ever said.
func TestRunTellsAnAccountThatIsThere(t *testing.T) {
	for _, tt := range []struct{ tries, want string }{
		{"no yes", "name demo, password abcd-efgh"},
		{"no there", "name demo, password as it was said first"},
	} {
		dir := newFolder(t, []string{"AUTH_TOKEN=k", "CONTAINER_HOSTS=local"})
		write(t, filepath.Join(dir, "bin/distributor"), fmt.Sprintf(`#!/bin/sh
case "$1 $2" in
healthcheck*) exit 0 ;;
"status --json") [ -e waited ] || { touch waited; echo '{"outage":{"serviceWaits":true}}'; }; exit 0 ;;
"accounts add")
	[ -e waited ] || { echo asked too early; exit 1; }
	[ -e tried ] || { touch tried; exit 1; }
	[ "%[1]s" != "no yes" ] || echo '{"name":"demo","password":"abcd-efgh"}'
	touch told; exit 0 ;;
"accounts list") [ ! -e told ] || echo 'demo  yes'; exit 0 ;;
esac
left=3000
until [ -e told ] || [ $left = 0 ]; do sleep 0.1; left=$((left - 1)); done
`, tt.tries), 0o700)
		succeeds(t, tt.want, dir, nil, "run.sh")
	}
}
