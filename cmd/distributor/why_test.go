package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"wrpdistributor/internal/proctest"
)

// tells waits until a command succeeds and its output has all of some texts.
func (s *stack) tells(command string, texts ...string) string {
	s.t.Helper()
	var out []byte
	s.eventually(command+" tells "+strings.Join(texts, ", "), func() bool {
		var err error
		out, err = s.Command("distributor", strings.Fields(command)...).CombinedOutput()
		for _, text := range texts {
			if !strings.Contains(string(out), text) {
				return false
			}
		}
		return err == nil
	})
	return string(out)
}

// TestWhyTellsWhatAPageDoesNot: by the id of an error page which hosts had no place and
// when to come again; a session from its start to its end, with who ended it. It is
// there after the process was killed.
func TestWhyTellsWhatAPageDoesNot(t *testing.T) {
	s, h := newPretendStack(t)
	s.start()
	for _, agent := range []string{"a", "b", "c", "d"} {
		s.do("PUT", agent, 202)
	}
	header, _ := s.do("PUT", "e", 503)
	host := h.SSHAddr()
	s.tells("why "+header.Get("X-Request-Id"), "refused: "+host+" full 4/4; told to come back in 30 s.", "Client 127.0.0.1#")
	gone, _ := s.do("DELETE", "a", 202)
	s.tells("why "+gone.Get("X-Request-Id"), " runs on "+host, " is over after ", "ended by its client.")
	s.do("PUT", "e", 202)
	again, _ := s.do("PUT", "e", 204)
	s.tells("why "+again.Get("X-Request-Id"), "given again.", "Now session ")
	s.proc.Kill()

	s.run(0, "cleanup", "--all")
	id := s.text("SELECT sessionId FROM journal WHERE kind = 'given-again'")
	out := s.run(0, "distributor", "why", id)
	for _, text := range []string{"reserved.", " runs on ", "given again.", "ended by an operator (by cleanup)."} {
		if !strings.Contains(out, text) {
			t.Errorf("why %s does not tell %q:\n%s", id, text, out)
		}
	}
	if strings.Contains(out, "Now ") {
		t.Errorf("why tells of a session that is over that it is now:\n%s", out)
	}
	var all struct{ Entries []struct{ Text string } }
	told, _ := s.Command("distributor", "why", "127.0.0.1", "--json").Output()
	if err := json.Unmarshal(told, &all); err != nil || len(all.Entries) < 12 || all.Entries[0].Text == "" {
		t.Errorf("why --json: %+v, %v; want an entry for all that happened", all, err)
	}
	for about, code := range map[string]int{"ABCDEFGH22": 1, "424242": 1, "198.51.100.1": 1, "0badc0de": 1, "nonsense!": 2} {
		out := s.run(code, "distributor", "why", about)
		if wanted := map[int]string{1: "It may be that", 2: "want the id of a request"}[code]; !strings.Contains(out, wanted) || !strings.Contains(out, about) {
			t.Errorf("why %s says\n%s", about, out)
		}
	}
}

// TestJournalTellsAndFollows: hosts that go down and are drained, and what happens while
// it looks.
func TestJournalTellsAndFollows(t *testing.T) {
	s, h := newPretendStack(t)
	s.start()
	host := h.SSHAddr()
	s.tells("journal --host "+host, host+" is up.")
	follower := proctest.Start(t, s.Command("distributor", "journal", "--follow", "--json"))
	s.eventually("the follower has begun", func() bool { return strings.Contains(follower.Output(), `"serving"`) })
	header, _ := s.do("PUT", "a", 202)
	s.eventually("the follower tells of the start", func() bool { return strings.Contains(follower.Output(), `"started"`) })
	s.run(0, "distributor", "hosts", "drain", host, "--reason", "fan broken")
	s.tells("journal --kind drained", host+" is drained: fan broken.")
	s.run(0, "distributor", "hosts", "undrain", host)
	if err := h.SetDown(true); err != nil {
		t.Fatal(err)
	}
	s.tells("journal --since 1h", host+" is down: ", host+" gets sessions again.")
	s.eventually("the follower tells of the host", func() bool { return strings.Contains(follower.Output(), `"host-down"`) })
	follower.Signal(syscall.SIGTERM)
	<-follower.Done()
	if follower.ExitCode() != 0 {
		t.Errorf("journal --follow that is stopped exits %d, want 0", follower.ExitCode())
	}
	seen := make(map[int64]bool)
	for line := range strings.Lines(follower.Output()) {
		var e struct {
			ID            int64
			Kind, Request string
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || seen[e.ID] || e.Kind == "" {
			t.Errorf("the follower's line %s: %v; want an entry that was not there yet", line, err)
		}
		if seen[e.ID] = true; e.Kind == "started" && e.Request != header.Get("X-Request-Id") {
			t.Errorf("the start is told of request %q", e.Request)
		}
	}
	s.terminate()
	s.tells("journal --kind leaving", "stopped; sessions go on.")
}

// TestFollowerWaitsForTheDatabase, says so, and goes on.
func TestFollowerWaitsForTheDatabase(t *testing.T) {
	s, server, _ := newWaitingStack(t)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	s.start()
	follower := proctest.Start(t, s.Command("distributor", "journal", "--follow"))
	s.eventually("the follower has begun", func() bool { return strings.Contains(follower.Output(), "began to serve") })
	server.Kill()
	s.eventually("the follower says that the database is away", func() bool { return strings.Contains(follower.Output(), "it goes on when") })
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	s.run(0, "distributor", "hosts", "drain", s.text("SELECT containerHost FROM journal WHERE kind = 'host-up'"), "--reason", "after the outage")
	s.eventually("the follower goes on", func() bool { return strings.Contains(follower.Output(), "after the outage") })
	follower.Signal(syscall.SIGTERM)
	<-follower.Done()
	if follower.ExitCode() != 0 {
		t.Errorf("journal --follow that is stopped exits %d, want 0", follower.ExitCode())
	}
}

// TestNoAddressIsWritten with LOG_CLIENTS=hash: not in the log, however much it says, nor
// in the journal.
func TestNoAddressIsWritten(t *testing.T) {
	s, _ := newPretendStack(t)
	gateway := s.withGateway()
	s.set("LOG_CLIENTS", "hash")
	s.set("LOG_LEVEL", "debug")
	s.start()
	const address = "203.0.113.7"
	ask := func(method, url, token, agent string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"Bearer": {token}, "User-Agent": {agent}, "X-Forwarded-For": {address}}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.Header.Get("X-Request-Id")
	}
	for _, agent := range []string{"a", "b", "c", "d", "e"} {
		ask("PUT", s.base+"/", authToken, agent)
	}
	ask("GET", s.base+"/", "wrong", "a")
	ask("GET", "http://"+gateway+"/", "wrong", "a")
	ask("GET", "http://"+gateway+"/", s.text("SELECT token FROM sessions LIMIT 1"), "a")
	id := ask("DELETE", s.base+"/", authToken, "a")
	out := s.tells("why "+id, "Client #", "ended by its client.")
	s.terminate()
	out += s.run(0, "distributor", "journal") + s.run(1, "distributor", "why", address) + s.run(0, "cleanup", "--all")
	if log := s.proc.Output(); strings.Contains(log, address) || !strings.Contains(log, "client=#") {
		t.Errorf("the log has the address, or no hashes:\n%s", log)
	}
	if n := s.count("SELECT COUNT(*) FROM journal WHERE clientIp <> ''"); n > 0 {
		t.Errorf("%d entries have an address", n)
	}
	if strings.Count(out, address) != strings.Count(s.run(1, "distributor", "why", address), address) || !strings.Contains(out, "ask by the hash") {
		t.Errorf("the commands print the address, or not what to do:\n%s", out)
	}
}
