package databasetest

import (
	"crypto/rand"
	"database/sql"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/porttest"
)

// A Daemon is a private database server with an own port on the loopback
// interface. Its data outlive a [Daemon.Stop] and a [Daemon.Kill].
type Daemon struct {
	program  program
	dir      *tempDir
	port     int
	reserved io.Closer // the port, until the process ends
	password string
	options  []string // of the server, beside the usual ones

	process *os.Process   // the last one started
	exited  chan struct{} // closed when it has ended
}

// Server starts a server of the test's own, to be stopped, killed and paused. It
// ends with the test. Options are added to its command line.
func Server(t testing.TB, options ...string) *Daemon {
	t.Helper()
	return start(t, tempRoot(), options)
}

// DurableServer is [Server] for measurements: a commit is on the disk under TMPDIR
// before it is answered, as servers have it unless they are told otherwise.
func DurableServer(t testing.TB) *Daemon {
	t.Helper()
	return start(t, os.TempDir(), []string{"--innodb-flush-log-at-trx-commit=1", "--loose-skip-debug-no-sync", "--innodb-buffer-pool-size=128M"})
}

func start(t testing.TB, place string, options []string) *Daemon {
	t.Helper()
	d, err := newDaemon(place)
	if err != nil {
		unavailable(t, err)
	}
	d.options = options
	t.Cleanup(func() {
		d.Kill()
		d.dir.remove()
	})
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	return d
}

// Config is like the function of that name, on this server.
func (d *Daemon) Config(t testing.TB) database.Config {
	t.Helper()
	return create(t, d.admin())
}

// newDaemon prepares a folder with an initialised server, in another one.
func newDaemon(place string) (*Daemon, error) {
	p, err := findProgram()
	if err != nil {
		return nil, err
	}
	template, err := p.template()
	if err != nil {
		return nil, err
	}
	dir, err := newTempDir(place)
	if err != nil {
		return nil, err
	}
	d := &Daemon{program: p, dir: dir, password: rand.Text()}
	if err := os.CopyFS(d.path("data"), os.DirFS(template)); err != nil {
		return nil, err
	}
	if d.port, d.reserved, err = porttest.Find(1); err != nil {
		return nil, err
	}
	account := fmt.Sprintf("CREATE USER IF NOT EXISTS 'test'@'%%' IDENTIFIED BY '%s';\nGRANT ALL ON *.* TO 'test'@'%%' WITH GRANT OPTION;\n", d.password)
	return d, os.WriteFile(d.path("init.sql"), []byte(account), 0o600)
}

func (d *Daemon) path(name string) string { return filepath.Join(d.dir.path, name) }

// admin is an account that may do anything.
func (d *Daemon) admin() *mysql.Config {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd = "test", d.password
	cfg.Net, cfg.Addr = "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(d.port))
	return cfg
}

// Start starts a server that does not run, and waits until it answers.
func (d *Daemon) Start() error {
	cmd := exec.Command(d.program.path, d.program.arguments(append([]string{
		"--datadir=" + d.path("data"),
		"--socket=" + d.path("sock"),
		"--pid-file=" + d.path("pid"),
		"--tmpdir=" + d.dir.path,
		"--init-file=" + d.path("init.sql"),
		"--log-error=" + d.path("log"),
		"--bind-address=127.0.0.1",
		"--port=" + strconv.Itoa(d.port),
	}, d.options...)...)...)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	if err := d.spawn(cmd); err != nil {
		return err
	}
	return d.awaitReady()
}

// spawn starts cmd so that the kernel kills it when this process ends, however
// that happens.
func (d *Daemon) spawn(cmd *exec.Cmd) error {
	dieWithParent(cmd)
	started := make(chan error)
	exited := make(chan struct{})
	go func() {
		// To the kernel this thread is the parent: if it ended, the server would.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
			close(exited)
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	d.process, d.exited = cmd.Process, exited
	return nil
}

func (d *Daemon) awaitReady() error {
	c, err := mysql.NewConnector(withoutLog(d.admin()))
	if err != nil {
		return err
	}
	db := sql.OpenDB(c)
	defer db.Close()
	deadline := time.After(time.Minute)
	for {
		err := db.Ping()
		if err == nil {
			return nil
		}
		select {
		case <-d.exited:
			return fmt.Errorf("the test's database server ended at once: %s", d.logTail())
		case <-deadline:
			return fmt.Errorf("the test's database server does not answer: %w: %s", err, d.logTail())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// withoutLog keeps the driver from reporting that the server is not up yet.
func withoutLog(cfg *mysql.Config) *mysql.Config {
	cfg.Logger = &mysql.NopLogger{}
	return cfg
}

func (d *Daemon) logTail() string {
	log, _ := os.ReadFile(d.path("log"))
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// Stop ends the server in an orderly way and waits for that.
func (d *Daemon) Stop() { d.end(syscall.SIGTERM) }

// Kill ends the server as a crash would. What was committed stays.
func (d *Daemon) Kill() { d.end(syscall.SIGKILL) }

func (d *Daemon) end(sig os.Signal) {
	if d.process == nil {
		return
	}
	d.process.Signal(sig)
	<-d.exited
}

// Pause stops the server's process. Its kernel goes on taking connections, but none
// is answered until [Daemon.Unpause].
func (d *Daemon) Pause() {
	d.process.Signal(syscall.SIGSTOP)
	// Not all of its threads stop at once. The kernel says when.
	var status syscall.WaitStatus
	syscall.Wait4(d.process.Pid, &status, syscall.WUNTRACED, nil)
}

// Unpause lets a paused server go on.
func (d *Daemon) Unpause() { d.process.Signal(syscall.SIGCONT) }
