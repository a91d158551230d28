package main

import (
	"database/sql"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/proctest"
	"wrpdistributor/internal/service/servicetest"
)

// newPretendStack is [newStack] on pretend hosts of the test's own, with
// programs that have failpoints.
func newPretendStack(t *testing.T) (*stack, *pretend.Host) {
	t.Helper()
	s := &stack{t: t, Commands: *commands(t, "-tags", "crashpoints")} // with their failpoints
	h := servicetest.StartHosts(t, 1, pretend.Config{})[0]
	s.configure(pretend.DefaultImage)
	s.UseHosts(proctest.Host{Name: h.SSHAddr(), User: h.User(), Key: h.ClientKeyPEM(), KnownHosts: h.KnownHostsLine()})
	s.set("START_TIMEOUT", "50s")
	s.set("ORPHAN_GRACE", "1ms")
	return s, h
}

// After a process was killed at a failpoint, cleanup leaves every container its row
// and every row its container, and the client gets a session that works.
func TestCleanupRepairsWhatEveryFailpointLeaves(t *testing.T) {
	for _, tt := range []struct {
		failpoint string
		during    string // "PUT", "HEAD", "DELETE" or "cleanup"; "warming up" a container; "taking" a warm one
	}{
		{"claims committed", "PUT"},
		{"claimed", "PUT"},
		{"starting", "PUT"},
		{"created", "PUT"},
		{"recorded", "PUT"},
		{"started", "PUT"},
		{"ready", "PUT"},
		{"confirmed", "PUT"},
		{"rolling back", "PUT"},
		{"rolled back", "PUT"},
		{"touched", "HEAD"},
		{"stopping", "DELETE"},
		{"removed", "DELETE"},
		{"deleted", "DELETE"},
		{"stopping", "cleanup"},
		{"removed", "cleanup"},
		{"deleted", "cleanup"},
		{"claims committed", "warming up"},
		{"claimed", "warming up"},
		{"starting", "warming up"},
		{"created", "warming up"},
		{"recorded", "warming up"},
		{"started", "warming up"},
		{"ready", "warming up"},
		{"warmed up", "warming up"},
		{"taken", "taking"},
	} {
		t.Run(tt.during+" at "+tt.failpoint, func(t *testing.T) {
			t.Parallel() // it mostly waits for processes
			s, h := newPretendStack(t)
			if strings.HasPrefix(tt.failpoint, "roll") {
				h.FailNext("start", 500, "something is wrong", 1)
			}
			s.crash(tt.during, tt.failpoint)
			s.sql("DELETE FROM leases")
			s.sql("UPDATE sessions SET started = started - INTERVAL 1 MINUTE WHERE state <> 'running'")
			s.run(0, "cleanup", "--timeout", "10")
			s.consistent(h)
			s.start()
			s.do("DELETE", "AmiFox", s.deletion())
			s.put("AmiFox")
			s.do("DELETE", "AmiFox", 202)
			s.proc.Kill()
			if left := len(h.Containers()); left != 0 {
				t.Errorf("%d containers are left", left)
			}
		})
	}
}

// crash kills a process at a failpoint.
func (s *stack) crash(during, failpoint string) {
	s.t.Helper()
	s.set("CRASH_AT", "")
	s.set("WARM_CONTAINERS", "0")
	switch during {
	case "HEAD", "DELETE", "cleanup":
		s.start()
		s.put("AmiFox")
		s.proc.Kill()
	case "warming up":
		s.set("WARM_CONTAINERS", "1")
	case "taking":
		s.set("WARM_CONTAINERS", "1")
		s.start()
		s.eventually("a container waits", func() bool { return s.count("SELECT COUNT(*) FROM sessions WHERE state = 'warm'") == 1 })
		s.proc.Kill()
		s.sql("DELETE FROM leases")
	}
	s.set("CRASH_AT", failpoint)
	defer s.set("WARM_CONTAINERS", "0")
	defer s.set("CRASH_AT", "")
	if during == "cleanup" {
		s.run(-1, "cleanup", "--all")
		return
	}
	s.launch()
	switch during {
	case "PUT", "HEAD", "DELETE":
		s.awaitReady()
		go s.tryRequest(during)
	case "taking":
		s.awaitReady()
		go s.tryRequest("PUT")
	}
	select {
	case <-s.proc.Done():
	case <-time.After(2 * time.Minute):
		s.t.Fatalf("the distributor did not die at %q:\n%s", failpoint, s.proc.Output())
	}
}

// tryRequest sends a request whose answer may never come.
func (s *stack) tryRequest(method string) {
	req, err := http.NewRequest(method, s.base+"/", http.NoBody)
	if err != nil {
		panic(err)
	}
	req.Header = http.Header{"Bearer": {authToken}, "User-Agent": {"AmiFox"}}
	if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
		resp.Body.Close()
	}
}

// deletion returns how a DELETE is to be answered.
func (s *stack) deletion() int {
	s.t.Helper()
	if s.count("SELECT COUNT(*) FROM sessions WHERE identity IS NOT NULL") > 0 {
		return 202
	}
	return 204
}

// consistent checks that every container has its row and every row its container.
func (s *stack) consistent(h *pretend.Host) {
	s.t.Helper()
	running := 0
	for _, c := range h.Containers() {
		if !c.Running || s.count("SELECT COUNT(*) FROM sessions WHERE state IN ('running', 'warm') AND wrpContainerId = '"+c.ID+"'") != 1 {
			s.t.Errorf("container %s (running: %t) has no row", c.Name, c.Running)
		}
		running++
	}
	if rows := s.count("SELECT COUNT(*) FROM sessions"); rows != running {
		s.t.Errorf("%d rows for %d containers", rows, running)
	}
}

func (s *stack) count(query string) int {
	s.t.Helper()
	n, err := strconv.Atoi(s.text(query))
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// text asks for one value.
func (s *stack) text(query string) string {
	s.t.Helper()
	db, err := sql.Open("mysql", s.db.FormatDSN())
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	var value string
	if err := db.QueryRow(query).Scan(&value); err != nil {
		s.t.Fatal(err)
	}
	return value
}
