package main

import (
	"strings"
	"testing"
)

// TestMaxSessionAge: the command cleanup ends old sessions, and so does a distributor that
// cleans up by itself; used or not, and only if there is a limit.
func TestMaxSessionAge(t *testing.T) {
	s, _ := newPretendStack(t)
	s.set("CLEANUP_EVERY", "1s")
	s.start()
	makeOld := func() {
		t.Helper()
		s.do("PUT", "AmiFox", 202)
		s.sql("UPDATE sessions SET started = started - INTERVAL 2 HOUR")
		s.do("HEAD", "AmiFox", 204)
	}
	makeOld()
	if out := s.run(0, "cleanup", "--verbose"); !strings.Contains(out, "Cleanup of 0 sessions") {
		t.Errorf("without a limit cleanup says %q", out)
	}
	s.set("MAX_SESSION_AGE", "1h")
	if out := s.run(0, "cleanup"); !strings.Contains(out, " was stopped: it is older than MAX_SESSION_AGE.\n") {
		t.Errorf("cleanup says %q", out)
	}
	makeOld()
	s.proc.Kill()
	s.start()
	s.eventually("the distributor ends it", func() bool { return strings.Contains(s.proc.Output(), "reason=age") })
	s.do("PUT", "AmiFox", 202)
}
