package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/proctest"
	"wrpdistributor/internal/service/servicetest"
)

// newWaitingStack is a distributor with a gateway on a database server of its own, which
// is down.
func newWaitingStack(t *testing.T) (*stack, *databasetest.Daemon, string) {
	t.Helper()
	server := databasetest.Server(t)
	s := &stack{t: t, Commands: *commands(t)}
	h := servicetest.StartHosts(t, 1, pretend.Config{})[0]
	s.configure(pretend.DefaultImage)
	s.UseHosts(proctest.Host{Name: h.SSHAddr(), User: h.User(), Key: h.ClientKeyPEM(), KnownHosts: h.KnownHostsLine()})
	s.db = server.Config(t).MySQL
	s.set("SESSION_DATABASE_DSN", s.db.FormatDSN())
	gateway := s.withGateway()
	server.Stop()
	return s, server, gateway
}

func (s *stack) awaitOutput(text string) {
	s.t.Helper()
	s.eventually(text, func() bool { return strings.Contains(s.proc.Output(), text) })
}

// TestServesBeforeTheDatabaseAnswers starts a distributor before its database, as a
// machine that boots may do.
func TestServesBeforeTheDatabaseAnswers(t *testing.T) {
	s, server, gateway := newWaitingStack(t)
	s.launch()
	s.awaitOutput("database unavailable")
	for _, tt := range []struct {
		method, url, token string
		want               int
		retry              bool
	}{
		{"GET", s.base + "/healthz", "", 200, false},
		{"GET", s.base + "/readyz", "", 503, false},
		{"GET", s.base + "/", "wrong", 401, false},
		{"POST", s.base + "/", authToken, 405, false},
		{"GET", s.base + "/nothing", "", 404, false},
		{"GET", s.base + "/", authToken, 503, true},
		{"HEAD", s.base + "/", authToken, 503, true},
		{"PUT", s.base + "/", authToken, 503, true},
		{"DELETE", s.base + "/", authToken, 503, true},
		{"GET", "http://" + gateway + "/", "token", 503, true},
	} {
		code, header, _ := s.request(tt.method, tt.url, tt.token, "AmiFox")
		if code != tt.want || tt.retry && header.Get("Retry-After") == "" {
			t.Errorf("%s %s with token %q = %d %v, want %d, Retry-After %v", tt.method, tt.url, tt.token, code, header, tt.want, tt.retry)
		}
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	s.awaitReady()
	s.do("PUT", "AmiFox", 202)
	s.do("DELETE", "AmiFox", 202)
	s.stop(syscall.SIGTERM)
}

// stop ends the distributor, which has to say that all is well.
func (s *stack) stop(sig os.Signal) {
	s.t.Helper()
	s.proc.Signal(sig)
	<-s.proc.Done()
	if code := s.proc.ExitCode(); code != 0 {
		s.t.Errorf("exit %d after %v, want 0\n%s", code, sig, s.proc.Output())
	}
}

// TestWaitingForTheDatabaseEnds ends the wait by a signal, and by a database that is
// there and does not take us.
func TestWaitingForTheDatabaseEnds(t *testing.T) {
	s, server, _ := newWaitingStack(t)
	s.launch()
	s.awaitOutput("database unavailable")
	s.stop(syscall.SIGTERM)

	for _, args := range [][]string{{"migrate"}, {"hosts", "list"}} {
		if out := s.run(1, "distributor", args...); !strings.Contains(out, "connection refused") {
			t.Errorf("%v without a database says %q, want the reason", args, out)
		}
	}

	s.db.Passwd = "wrong"
	s.set("SESSION_DATABASE_DSN", s.db.FormatDSN())
	s.launch()
	s.awaitOutput("database unavailable")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	<-s.proc.Done()
	if out := s.proc.Output(); s.proc.ExitCode() != 1 || !strings.Contains(out, "Access denied") {
		t.Errorf("exit %d, want 1 and that the password is wrong:\n%s", s.proc.ExitCode(), out)
	}
}

// TestDatabaseThatDoesNotTakeUsEndsTheProcess: with exit code 1 and the reason.
func TestDatabaseThatDoesNotTakeUsEndsTheProcess(t *testing.T) {
	cfg := databasetest.Config(t, "mysql").MySQL
	password, missing, foreign := cfg.Clone(), cfg.Clone(), databasetest.Config(t, "mysql").MySQL
	password.Passwd = "wrong"
	missing.DBName = "no_such_database"
	noDatabase := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(noDatabase, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &stack{t: t, Commands: *commands(t), db: foreign}
	s.sql("CREATE TABLE sessions (x INT)") // neither ours nor the PHP program's
	for _, tt := range []struct{ dsn, want string }{
		{password.FormatDSN(), "Access denied"},
		{missing.FormatDSN(), "Unknown database"},
		{foreign.FormatDSN(), "migrate database"},
		{"sqlite:" + noDatabase, "not a database"},
	} {
		c := s.For(t)
		c.Set("AUTH_TOKEN", authToken)
		c.Set("LISTEN", proctest.FreeAddr(t))
		c.Set("START_PORT", strconv.Itoa(proctest.FreeRange(t, 8)))
		c.Set("SESSION_DATABASE_DSN", tt.dsn)
		proc := c.Start("distributor")
		<-proc.Done()
		out := proc.Output()
		if mend := "SESSION_DATABASE_|See to the file"; tt.want != "migrate database" && !regexp.MustCompile(mend).MatchString(out) {
			t.Errorf("nothing is said of what to correct:\n%s", out)
		}
		if proc.ExitCode() != 1 || !strings.Contains(out, tt.want) || strings.Contains(out, "retry_in") {
			t.Errorf("exit %d, want 1 at once, with %q:\n%s", proc.ExitCode(), tt.want, out)
		}
	}
}

// TestE2ETablesThatAreGone end the process: with the reason, where an outage would be waited for.
func TestE2ETablesThatAreGone(t *testing.T) {
	proctest.E2E(t)
	s, _ := newPretendStack(t)
	s.start()
	s.sql("RENAME TABLE processes TO elsewhere")
	<-s.proc.Done()
	if out := s.proc.Output(); s.proc.ExitCode() != 1 || !strings.Contains(out, "tables of this service are gone") {
		t.Errorf("exit %d, want 1 with the reason:\n%s", s.proc.ExitCode(), out)
	}
}

// TestAnotherPoolIsNamed: two distributors on one database with different limits.
func TestAnotherPoolIsNamed(t *testing.T) {
	s, _ := newPretendStack(t)
	s.set("INSTANCE", "one")
	s.start()
	two := *s
	two.Env = append(append([]string(nil), s.Env...), "MAX_CONTAINERS_RUNNING=3", "INSTANCE=two", "LISTEN="+proctest.FreeAddr(t))
	two.launch()
	two.awaitOutput("pool differs from another process")
	if out := two.proc.Output(); !strings.Contains(out, `distributor \"one\"`) {
		t.Errorf("the log does not name the other process:\n%s", out)
	}
}
