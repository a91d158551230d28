package scripts_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// A stack is the Compose stack in a folder of its own, with the host "local".
type stack struct {
	dir     string
	project string
	put     proctest.Request
}

// newStack returns a stack that was never started, with these lines in its .env too.
func newStack(t *testing.T, mysql string, env ...string) *stack {
	t.Helper()
	hoststest.StandIn(t)
	needCompose(t, mysql)
	s := &stack{project: "wrptest" + strconv.Itoa(os.Getpid())}
	addr := proctest.FreeAddr(t)
	_, port, _ := strings.Cut(addr, ":")
	_, mysqlPort, _ := strings.Cut(proctest.FreeAddr(t), ":")
	s.put = proctest.Request{Method: http.MethodPut, URL: "http://" + addr + "/", Token: "k", Agent: "a"}
	s.dir = newFolder(t, append([]string{
		"AUTH_TOKEN=k", "COMPOSE_PROJECT_NAME=" + s.project, "DISTRIBUTOR_IMAGE=" + s.project, "MYSQL_IMAGE=" + mysql,
		"DISTRIBUTOR_BIND=127.0.0.1", "DISTRIBUTOR_PORT=" + port, "MYSQL_PORT=" + mysqlPort,
		"PUBLISH_ADDRESS=127.0.0.1", "START_PORT=" + strconv.Itoa(proctest.FreeRange(t, 30)), "WRP_IMAGE=" + hoststest.Image,
	}, env...), "go.mod", "go.sum", "cmd", "internal", "migrations", "docker", "docs", "packaging")
	t.Cleanup(func() {
		if out, code := s.script(t, "stack.sh", "destroy"); code != 0 {
			t.Errorf("destroy: exit code %d\n%s", code, out)
		}
		_ = exec.Command("docker", "rmi", s.project).Run()
	})
	return s
}

// needCompose is for tests of the stack, with this image of MySQL.
func needCompose(t *testing.T, mysql string) {
	t.Helper()
	if exec.Command("docker", "compose", "version").Run() != nil && exec.Command("docker-compose", "version").Run() != nil {
		hoststest.Missing(t, "Compose")
	}
	hoststest.NeedImage(t, mysql)
}

// script is [script] of the stack, that outlives the test.
func (s *stack) script(t *testing.T, name string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(filepath.Join(s.dir, "scripts", name), args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (s *stack) succeeds(t *testing.T, want, name string, args ...string) {
	t.Helper()
	if out, code := s.script(t, name, args...); code != 0 || !strings.Contains(out, want) {
		t.Fatalf("%s %v: exit code %d, want 0 and %q:\n%s", name, args, code, want, out)
	}
}

// isGiven sends the PUT of the stack's one client.
func (s *stack) isGiven(t *testing.T, want int) {
	t.Helper()
	if a, err := proctest.Do(t.Context(), s.put); err != nil || a.Code != want {
		t.Fatalf("PUT: %+v, %v; want %d", a, err, want)
	}
}

// runs returns which services of the stack run.
func (s *stack) runs(t *testing.T) string {
	t.Helper()
	var names []string
	for _, name := range []string{"caddy", "cleanup", "distributor", "mysql"} {
		if hoststest.Docker(t, "ps", "-q", "--filter", "label=com.docker.compose.project="+s.project, "--filter", "label=com.docker.compose.service="+name) != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// TestE2EStack goes through an operator's day with MySQL and with MariaDB.
func TestE2EStack(t *testing.T) {
	proctest.E2E(t)
	for _, image := range []string{"wrp-test-mysql", "wrp-test-mariadb"} {
		t.Run(image, func(t *testing.T) {
			s := newStack(t, image)
			refuses(t, "The stack does not run", s.dir, nil, "stack.sh", "cleanup")
			s.saysWhatIsWrong(t)
			s.succeeds(t, "The stack is up", "stack.sh", "up")
			if image == "wrp-test-mysql" {
				s.hasGTIDs(t)
			}
			s.isGiven(t, http.StatusAccepted)
			s.succeeds(t, "Backed up the stack's database to one.sql", "backup.sh", "backup", "one.sql")
			refuses(t, "The stack runs. Stop it first", s.dir, []string{"FORCE=1"}, "backup.sh", "restore", "one.sql")

			s.stopsOneService(t)
			s.restores(t)
			if image == "wrp-test-mysql" { // accounts of MariaDB may not change their own password
				s.stopsThoughNobodyKnows(t)
			}
			s.destroys(t)
		})
	}
}

// saysWhatIsWrong with the settings, which are read in a container that nobody looks
// into.
func (s *stack) saysWhatIsWrong(t *testing.T) {
	t.Helper()
	file := filepath.Join(s.dir, ".env")
	settings, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, string(settings)+"READY_TIMEOUT=soon\n", 0o600)
	refuses(t, `distributor: READY_TIMEOUT="soon": `, s.dir, nil, "stack.sh", "up")
	write(t, file, string(settings), 0o600)
}

// hasGTIDs: dumps of such a MySQL want to say which transactions are in them, for
// which the stack's account has no right.
func (s *stack) hasGTIDs(t *testing.T) {
	t.Helper()
	if mode := hoststest.Docker(t, "exec", s.container(t, "mysql"), "mysql", "-u", "root", "-N", "-e", "SELECT @@GLOBAL.gtid_mode"); mode != "ON" {
		t.Errorf("MySQL has gtid_mode=%s, want ON", mode)
	}
}

func (s *stack) container(t *testing.T, service string) string {
	t.Helper()
	return hoststest.Docker(t, "ps", "-aq", "--filter", "label=com.docker.compose.project="+s.project, "--filter", "label=com.docker.compose.service="+service)
}

// stopsOneService: it ends no session, and what can be done without it can be done.
func (s *stack) stopsOneService(t *testing.T) {
	t.Helper()
	s.succeeds(t, "", "stack.sh", "stop", "cleanup")
	if runs := s.runs(t); runs != "distributor mysql" {
		t.Errorf("after stop cleanup there runs: %s", runs)
	}
	s.isGiven(t, http.StatusNoContent)
	s.succeeds(t, "Cleanup of 0 sessions finished", "stack.sh", "cleanup", "--verbose", "5")
	s.succeeds(t, "", "stack.sh", "up", "cleanup")
	if runs := s.runs(t); runs != "cleanup distributor mysql" {
		t.Errorf("after up cleanup there runs: %s", runs)
	}
	s.succeeds(t, "Cleanup of 1 sessions finished, 1 sessions terminated", "stack.sh", "stop")
	if runs := s.runs(t); runs != "" {
		t.Errorf("after stop there runs: %s", runs)
	}
}

// restores puts a backup with a session back, whose container is gone by now.
func (s *stack) restores(t *testing.T) {
	t.Helper()
	write(t, filepath.Join(s.dir, "cut.sql"), "INSERT INTO `pool` VALUES (1);\n", 0o600)
	refuses(t, "cut.sql is no whole dump", s.dir, nil, "backup.sh", "restore", "cut.sql")
	s.succeeds(t, "Restored the stack's database from one.sql", "backup.sh", "restore", "one.sql")
	refuses(t, "There is 1 session in the database, which", s.dir, nil, "backup.sh", "restore", "one.sql")
	if runs := s.runs(t); runs != "" {
		t.Errorf("after restore there runs: %s", runs)
	}
	succeeds(t, "Restored the stack's database from one.sql", s.dir, []string{"FORCE=1"}, "backup.sh", "restore", "one.sql")
	s.succeeds(t, "The stack is up", "stack.sh", "up")
	s.isGiven(t, http.StatusAccepted)
}

// stopsThoughNobodyKnows whether there are sessions, and says so: they are not taken for none.
func (s *stack) stopsThoughNobodyKnows(t *testing.T) {
	t.Helper()
	s.changePassword(t, "$MYSQL_PASSWORD", "another")
	refuses(t, "MySQL does not say whether there are sessions", s.dir, nil, "stack.sh", "stop")
	if runs := s.runs(t); runs != "" {
		t.Errorf("after stop there runs: %s", runs)
	}
	s.succeeds(t, "", "stack.sh", "start", "mysql")
	s.changePassword(t, "another", "$MYSQL_PASSWORD")
}

// changePassword of the stack's account in MySQL, as soon as that answers; images may have set
// it anew as they started. Both are in a shell's words, in its container.
func (s *stack) changePassword(t *testing.T, from, to string) {
	t.Helper()
	hoststest.Docker(t, "exec", s.container(t, "mysql"), "timeout", "60", "sh", "-c", `
		client=mysql
		! command -v mariadb >/dev/null || client=mariadb
		ask() { MYSQL_PWD=$1 $client -h 127.0.0.1 -u "$MYSQL_USER" -e "$2"; }
		until ask "`+from+`" "ALTER USER CURRENT_USER() IDENTIFIED BY '`+to+`'" || ask "`+to+`" 'SELECT 1'; do sleep 0.2; done`)
}

// destroys a stack that was stopped without its sessions.
func (s *stack) destroys(t *testing.T) {
	t.Helper()
	s.succeeds(t, "", "stack.sh", "stop", "distributor", "cleanup", "mysql")
	s.succeeds(t, "Cleanup of 1 sessions finished, 1 sessions terminated", "stack.sh", "destroy")
}
