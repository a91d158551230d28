package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/proctest"
)

// There is neither .env nor an ssh folder.
func TestPretendNeedsNothingButTheProgram(t *testing.T) {
	s := &stack{t: t, Commands: *commands(t)}
	listen := proctest.FreeAddr(t)
	s.base = "http://" + listen
	s.set("LISTEN", listen)
	s.set("START_PORT", fmt.Sprint(proctest.FreeRange(t, 16)))
	pretend := func() {
		t.Helper()
		s.proc = proctest.Start(t, s.Command("distributor", "--pretend", "2"))
		s.awaitReady()
	}
	put := func(want int) {
		t.Helper()
		if code, _, body := s.request("PUT", s.base+"/", "pretend", "AmiFox"); code != want {
			t.Fatalf("PUT = %d %s, want %d\n%s", code, body, want, s.proc.Output())
		}
	}
	pretend()
	put(202)
	put(204)
	if out := s.proc.Output(); !strings.Contains(out, "hosts=2 from=127.0.0.2") {
		t.Errorf("the log does not say that it pretends:\n%s", out)
	}
	if out := s.run(0, "distributor", "hosts", "list"); strings.Count(out, "yes") != 2 {
		t.Errorf("hosts list says\n%s", out)
	}
	if out := s.run(0, "cleanup", "--all"); !strings.Contains(out, "1 sessions terminated successfully") {
		t.Errorf("cleanup beside it says %q", out)
	}
	put(202)
	s.proc.Kill()
	pretend() // the sessions of before are gone with their hosts
	put(202)
	s.proc.Signal(os.Interrupt)
	<-s.proc.Done()
	if code := s.proc.ExitCode(); code != 0 {
		t.Errorf("exit %d after SIGINT, want 0\n%s", code, s.proc.Output())
	}
	s.run(2, "cleanup") // nothing pretends any more, and AUTH_TOKEN is not set
}

func TestRequestsAreLimitedInSizeAndTime(t *testing.T) {
	s, _ := newPretendStack(t)
	s.set("SHUTDOWN_TIMEOUT", "10m")
	s.start()
	for _, tt := range []struct {
		name string
		send string
		want string
	}{
		{"8 kB of User-Agent", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nBearer: " + authToken + "\r\nUser-Agent: " + strings.Repeat("x", 8<<10) + "\r\n\r\n", "HTTP/1.1 200"},
		{"40 kB of headers", "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", "HTTP/1.1 431"},
		{"not HTTP", "\x16\x03\x01\x02\x00\r\n\r\n", "HTTP/1.1 400"},
	} {
		nc, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(nc, tt.send) // the server may close before it has read all
		answer, _ := io.ReadAll(nc)
		nc.Close()
		if !strings.HasPrefix(string(answer), tt.want) {
			t.Errorf("%s is answered %.60q, want %s", tt.name, answer, tt.want)
		}
	}
	// A client that never finishes its request does not keep the others waiting,
	// nor the process from ending.
	nc, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_, _ = io.WriteString(nc, "PUT / HTTP/1.1\r\nHost: x\r\nBear")
	s.do("GET", "AmiFox", http.StatusOK)
	s.proc.Signal(os.Interrupt)
	select {
	case <-s.proc.Done():
	case <-time.After(2 * time.Minute):
		t.Error("a half request keeps the process from ending")
	}
}

func TestCleanupStopsFiftyAndLeavesTheUsed(t *testing.T) {
	s, h := newPretendStack(t)
	s.set("MAX_CONTAINERS_RUNNING", "60")
	s.set("START_PORT", fmt.Sprint(proctest.FreeRange(t, 80)))
	s.start()
	for i := range 55 {
		s.do("PUT", fmt.Sprintf("client %d", i), http.StatusAccepted)
	}
	s.sql("UPDATE sessions SET started = UTC_TIMESTAMP() - INTERVAL 11 MINUTE")
	for i := range 5 {
		s.do("HEAD", fmt.Sprintf("client %d", i), http.StatusNoContent)
	}
	if out := s.run(0, "cleanup", "--timeout", "10"); !strings.Contains(out, "Cleanup of 50 sessions finished, 50 sessions terminated successfully - 0 sessions failed to terminate.") {
		t.Errorf("cleanup says %q", out)
	}
	if n := len(h.Containers()); n != 5 {
		t.Errorf("%d containers are left, want 5", n)
	}
	for i := range 5 {
		s.do("PUT", fmt.Sprintf("client %d", i), http.StatusNoContent)
	}
}

// TestPretendedAndRealStayApart: on one data folder never at once, and in databases of
// their own. Commands join the one that lives; what one that was killed left is nothing.
func TestPretendedAndRealStayApart(t *testing.T) {
	s, _ := newPretendStack(t)
	s.start()
	s.do("PUT", "real", 202)
	if out := s.run(1, "distributor", "--pretend", "2"); !strings.Contains(out, "another service runs there") {
		t.Errorf("--pretend beside a real service says %q", out)
	}
	s.do("PUT", "real", 204)
	s.terminate()
	rows := func() int { t.Helper(); return s.count("SELECT COUNT(*) FROM sessions") }

	s.proc = proctest.Start(t, s.Command("distributor", "--pretend", "2"))
	s.awaitReady()
	s.do("PUT", "real", 202)
	if n := rows(); n != 1 {
		t.Errorf("the real database has %d sessions beside a service that pretends, want the one from before", n)
	}
	if out := s.run(1, "distributor"); !strings.Contains(out, "another service runs there") {
		t.Errorf("a real service beside one that pretends says %q", out)
	}
	if out := s.run(0, "distributor", "hosts", "list"); strings.Count(out, "127.0.0.") != 2 {
		t.Errorf("hosts list beside it says\n%s", out)
	}
	if out := s.run(0, "distributor", "migrate"); !strings.Contains(out, "pretend") {
		t.Errorf("migrate beside it says %q, want its database", out)
	}
	if out := s.run(0, "cleanup", "--all"); !strings.Contains(out, "1 sessions terminated successfully") || rows() != 1 {
		t.Errorf("cleanup beside it says %q and leaves %d real sessions, want the pretended one stopped", out, rows())
	}

	s.proc.Kill()
	left := filepath.Join(s.Dir, "data", "pretend.json")
	if _, err := os.Stat(left); err != nil {
		t.Fatal(err)
	}
	if out := s.run(0, "cleanup", "--timeout", "10"); strings.Contains(out, "forget-host") || rows() != 1 {
		t.Errorf("cleanup after its end says %q and leaves %d real sessions", out, rows())
	}
	s.start()
	s.do("PUT", "real", 204)
	if _, err := os.Stat(left); err == nil {
		t.Error("a real service leaves pretend.json")
	}
	s.do("DELETE", "real", 202)
}
