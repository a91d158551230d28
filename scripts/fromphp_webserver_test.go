package scripts_test

import (
	"bytes"
	"database/sql"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// A webServer is the PHP program under a web server, with a database server of the
// machine. Its clock is not UTC's, as that of most such servers. The requests of the test
// are those that the web server passes on.
type webServer struct {
	*legacy
	proc *proctest.Process
}

const overWebServer = "Over, from a web server"

func newWebServer(t *testing.T) *webServer {
	t.Helper()
	db := databasetest.Server(t, "--default-time-zone=+02:00").Config(t).MySQL
	host, port, _ := net.SplitHostPort(db.Addr)
	makeAccount(t, db)
	sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{})
	w := &webServer{legacy: newLegacy(t, sshd.Addr, sshd.Host().Key, "SESSION_DATABASE_DSN=mysql:dbname=wrpdistributor;host="+host+";port="+port)}
	listen := proctest.FreeAddr(t)
	w.base = "http://" + listen
	home := t.TempDir()
	write(t, filepath.Join(home, ".my.cnf"), "[client]\nprotocol=TCP\nhost="+host+"\nport="+port+"\nuser=wrpdistributor\npassword=wrpdistributor\n", 0o600)
	w.env = append(w.env, "HOME="+home, "LISTEN="+listen, "WRP_IMAGE="+hoststest.Image)
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} { // which are below HOME otherwise
		w.env = append(w.env, name+"="+printed(t, exec.Command("go", "env", name), ""))
	}
	if _, err := exec.LookPath("mysqldump"); err != nil {
		w.names = append(w.names, "mysqldump ", "mariadb-dump ")
	}
	return w
}

// makeAccount makes the PHP program's database, and an account that has rights there only.
func makeAccount(t *testing.T, admin *mysql.Config) {
	t.Helper()
	db, err := sql.Open("mysql", admin.FormatDSN())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		"CREATE DATABASE wrpdistributor", "CREATE USER 'wrpdistributor'@'%' IDENTIFIED BY 'wrpdistributor'", "GRANT ALL ON wrpdistributor.* TO 'wrpdistributor'@'%'",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *webServer) leavePHP(tables string) { w.php(tables) }

func (w *webServer) over() {
	w.t.Helper()
	w.hasBlocks(overWebServer, 6)
	for block := range 4 { // programs and settings, keys, backup, migration
		w.typed(overWebServer, block)
	}
	w.start()
	w.typed(overWebServer, 4)
	settings, err := os.ReadFile(filepath.Join(w.newDir, ".env"))
	if old, err := os.ReadFile(filepath.Join(w.phpDir, ".env")); err != nil || !bytes.Equal(settings, old) {
		w.t.Errorf("it runs with another .env than the PHP program's (%v):\n%s", err, settings)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.typed(overWebServer, 5)
	w.stop()
	w.start()
}

func (w *webServer) start() {
	w.t.Helper()
	w.proc = proctest.Start(w.t, w.command(filepath.Join(w.newDir, "bin", "distributor")))
	proctest.AwaitReady(w.t, w.proc, w.base)
}

func (w *webServer) stop() {
	w.t.Helper()
	w.proc.Signal(syscall.SIGTERM)
	<-w.proc.Done()
	if code := w.proc.ExitCode(); code != 0 {
		w.t.Fatalf("the distributor ended with %d:\n%s", code, w.proc.Output())
	}
}

func (w *webServer) ask(args ...string) string {
	w.t.Helper()
	return printed(w.t, w.command(filepath.Join(w.newDir, "bin", "distributor"), args...), "")
}

func (w *webServer) clean() string {
	w.t.Helper()
	return printed(w.t, w.command(filepath.Join(w.newDir, "bin", "cleanup"), "--verbose", "--timeout", "10"), "")
}

func (w *webServer) back() {
	w.t.Helper()
	const heading = "Back, to a web server"
	w.hasBlocks(heading, 1)
	w.stop()
	out := w.typed(heading, 0)
	if strings.Count(out, "Stopping session") != 1 || !strings.Contains(out, "The database is the PHP program's again.") {
		w.t.Errorf("migrate --down says %s, want that it stops the one session of ours", out)
	}
}

func (w *webServer) php(statements string) string {
	w.t.Helper()
	client := "mysql"
	if _, err := exec.LookPath(client); err != nil {
		client = "mariadb"
	}
	return printed(w.t, w.command(client, "-N", "-B", "--raw", "--default-character-set=utf8mb4", "wrpdistributor"), statements)
}

func (w *webServer) current(statements string) string { w.t.Helper(); return w.php(statements) }
func (w *webServer) log() string                      { return w.proc.Output() }
