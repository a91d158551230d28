package main

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/proctest"
	"wrpdistributor/internal/service/servicetest"
)

// newSQLiteStack is a distributor on a SQLite file, which is returned, and on a pretend
// host of the test's own.
func newSQLiteStack(t *testing.T) (s *stack, file string) {
	t.Helper()
	s = &stack{t: t, Commands: *commands(t)}
	h := servicetest.StartHosts(t, 1, pretend.Config{})[0]
	s.UseHosts(proctest.Host{Name: h.SSHAddr(), User: h.User(), Key: h.ClientKeyPEM(), KnownHosts: h.KnownHostsLine()})
	file = filepath.Join(t.TempDir(), "x.db")
	listen := proctest.FreeAddr(t)
	s.base = "http://" + listen
	for name, value := range map[string]string{
		"AUTH_TOKEN": authToken, "LISTEN": listen, "SESSION_DATABASE_DSN": "sqlite:" + file, "WRP_IMAGE": pretend.DefaultImage,
		"START_PORT": strconv.Itoa(proctest.FreeRange(t, 8)), "MAX_CONTAINERS_RUNNING": "4",
	} {
		s.set(name, value)
	}
	return s, file
}

// TestE2EStuckWriterIsNotWaitedFor: another process holds SQLite's lock, and does not let
// go of it. Every request is refused because its own time was up, not because that of
// some statement was, for which each waited in turn; and health is known without waiting.
func TestE2EStuckWriterIsNotWaitedFor(t *testing.T) {
	proctest.E2E(t)
	s, file := newSQLiteStack(t)
	s.start()
	s.do("PUT", "AmiFox", 202)
	other := databasetest.Open(t, database.Config{Path: file})
	lock := other.MustBegin()

	const hang = 200 * time.Second // far more than a request may take
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	ask := func(method, path, agent string) proctest.Answer {
		a, err := proctest.Do(ctx, proctest.Request{Method: method, URL: s.base + path, Token: authToken, Agent: agent})
		if err != nil {
			t.Errorf("%s %s: %v", method, path, err)
		}
		return a
	}
	var clients sync.WaitGroup
	ids, puts := make(chan string, 9), make(chan string, 2)
	for _, r := range []struct{ method, agent string }{
		{"HEAD", "AmiFox"}, {"HEAD", "AmiFox"}, {"HEAD", "AmiFox"}, {"HEAD", "AmiFox"}, {"HEAD", "AmiFox"}, {"HEAD", "AmiFox"},
		{"PUT", "AmiFox"}, {"PUT", "another"}, {"DELETE", "AmiFox"},
	} {
		clients.Go(func() {
			a := ask(r.method, "/", r.agent)
			if a.Code != 503 || a.Header.Get("Retry-After") == "" {
				t.Errorf("%s of %s = %+v, want 503 and a Retry-After", r.method, r.agent, a)
			}
			ids <- a.Header.Get("X-Request-Id")
			if r.method == "PUT" {
				puts <- a.Header.Get("X-Request-Id")
			}
		})
	}
	clients.Wait()
	close(ids)
	close(puts)
	for id := range ids {
		s.eventually("the log has the request", func() bool { return s.logged(id) != "" })
		if line := s.logged(id); !strings.Contains(line, "database too slow for this request") {
			t.Errorf("logged: %swant that the request's time was up", line)
		}
	}
	for a := ask("GET", "/readyz", ""); a.Code != 503 || a.Header.Get("Retry-After") == ""; a = ask("GET", "/readyz", "") {
		if a.Code != 200 || ctx.Err() != nil {
			t.Fatalf("/readyz = %+v, want 503 and a Retry-After once it is known that no write was taken", a)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if a := ask("GET", "/healthz", ""); a.Code != 200 {
		t.Errorf("/healthz = %d, want 200", a.Code)
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	s.awaitReady()
	for id := range puts { // what could not be written then is told now
		s.tells("why "+id, "refused: the database did not answer in time: another process seems to keep its write lock", "told to come back in 30 s")
	}
	s.do("HEAD", "AmiFox", 204)
	s.do("DELETE", "AmiFox", 202)
}

// TestProcessThatHangsIsNamed: one that was stopped takes connections, and answers nothing.
// Nobody waits for it, and it does not count as one that serves.
func TestProcessThatHangsIsNamed(t *testing.T) {
	s, _ := newSQLiteStack(t)
	s.start()
	s.tells("status", "A client can get a session now", "-> distributor")
	s.proc.Signal(syscall.SIGSTOP)
	s.want("status", s.run(1, "distributor", "status"), "Warning: process ", "does not answer at its control socket", "; kill -CONT ",
		"Nobody gets a new session: no distributor works", "hangs, or was stopped.")
	s.want("reload", s.run(1, "distributor", "reload"), "Nothing was changed:", "does not answer at its control socket")
	s.proc.Signal(syscall.SIGCONT)
	s.tells("status", "A client can get a session now", "-> distributor")
}

// logged returns the line that the distributor logged about a request.
func (s *stack) logged(request string) string {
	s.t.Helper()
	for line := range strings.Lines(s.proc.Output()) {
		if strings.Contains(line, "request="+request+" ") {
			return line
		}
	}
	return ""
}
