package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// line returns the only line that has all these texts.
func (s *stack) line(texts ...string) string {
	s.t.Helper()
	var found []string
	for line := range strings.Lines(s.proc.Output()) {
		has := true
		for _, text := range texts {
			has = has && strings.Contains(line, text)
		}
		if has {
			found = append(found, line)
		}
	}
	if len(found) != 1 {
		s.t.Errorf("%d lines with %q, want one: %q\n%s", len(found), texts, found, s.proc.Output())
	}
	return strings.Join(found, "")
}

// TestLinesSayWhichSessionAndWhoseAndWhy follows sessions through the log to their ends,
// up to those that stay.
func TestLinesSayWhichSessionAndWhoseAndWhy(t *testing.T) {
	s, h := newPretendStack(t)
	s.set("CLEANUP_EVERY", "1s")
	s.start()
	client := fmt.Sprintf(" client=127.0.0.1#%x ", sha256.Sum256([]byte("127.0.0.1\x00AmiFox")))
	client = client[:len(" client=127.0.0.1#")+8] + " "
	started := func() string {
		t.Helper()
		s.do("PUT", "AmiFox", 202)
		id := s.text("SELECT id FROM sessions WHERE state = 'running'")
		s.line(`"session started"`, " session="+id+" ", client)
		return id
	}
	stopped := func(id string, reasons ...string) {
		t.Helper()
		reason := ""
		s.eventually("a session is stopped", func() bool {
			i := slices.IndexFunc(reasons, func(r string) bool { return strings.Contains(s.proc.Output(), `reason="`+r+`"`) })
			if i >= 0 {
				reason = reasons[i]
			}
			return i >= 0
		})
		s.line(`"session stopped"`, " session="+id+" ", " host=", client, `reason="`+reason+`"`)
	}
	id := started()
	s.do("DELETE", "AmiFox", 202)
	stopped(id, "ended by its client")
	id = started()
	h.KillContainer(h.Containers()[0].ID)
	stopped(id, "its container died", "its container is gone") // by the event, or by CLEANUP_EVERY
	id = started()
	s.sql("UPDATE sessions SET started = UTC_TIMESTAMP() - INTERVAL 1 HOUR, lastUsed = UTC_TIMESTAMP() - INTERVAL 1 HOUR")
	stopped(id, "not used")
	s.stop(os.Interrupt)
	if strings.Contains(s.proc.Output(), "sessions stay") {
		t.Error("sessions stay, though there are none")
	}

	s.start()
	id = started()
	s.stop(os.Interrupt)
	s.line("sessions stay; cleanup --all stops them", "sessions=1 warm=0")
	if out := s.run(0, "cleanup", "--all"); !strings.HasPrefix(out, "Session "+id+" of "+client[len(" client="):]+"on ") || !strings.Contains(out, "was stopped: cleanup was told to stop all.\nCleanup of 1 sessions") {
		t.Errorf("cleanup says %q, want which session and whose", out)
	}
	if out := s.run(0, "cleanup"); out != "" {
		t.Errorf("cleanup that has nothing to do says %q", out)
	}
}

// TestVersionIsSaid: by both commands, and by the distributor that serves.
func TestVersionIsSaid(t *testing.T) {
	s, _ := newPretendStack(t)
	version, ok := strings.CutPrefix(s.run(0, "distributor", "--version"), "distributor version ")
	if version = strings.TrimSpace(version); !ok || version == "" {
		t.Fatalf("--version says %q", version)
	}
	if out := s.run(0, "cleanup", "--version"); out != "cleanup version "+version+"\n" {
		t.Errorf("cleanup --version says %q, the distributor is of %s", out, version)
	}
	s.launch()
	s.awaitOutput("msg=serving version=" + version + " ")
	s.stop(os.Interrupt)
}
