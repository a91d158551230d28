package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/proctest"
)

// ways are how commands get to a running service, as what is added to the environment.
var ways = map[string]string{"by the control socket": "", "by LISTEN": "RUNTIME_DIR=elsewhere"}

// asked returns a function that runs a command of the distributor another way.
func (s *stack) asked(env string) func(code int, line string) string {
	other := *s
	other.Env = append(append([]string(nil), s.Env...), strings.Fields(env)...)
	return func(code int, line string) string {
		s.t.Helper()
		out := other.run(code, "distributor", strings.Split(line, " ")...)
		if strings.Contains(out, "No running distributor") {
			s.t.Errorf("%s says that no distributor answers:\n%s", line, out)
		}
		return out
	}
}

// want checks what a command said for texts.
func (s *stack) want(what, out string, texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			s.t.Errorf("%s says\n%s\nwant %q in it", what, out, text)
		}
	}
}

// TestOperatorsAskTheRunningService: each command, by the control socket and by LISTEN.
func TestOperatorsAskTheRunningService(t *testing.T) {
	s, h := newPretendStack(t)
	s.set("ADMIN_TOKEN", "0perator")
	s.start()
	for way, env := range ways {
		t.Run(way, func(t *testing.T) {
			s := *s
			s.t = t
			ask := s.asked(env)
			s.want("status", ask(0, "status"), "A client can get a session now: 4 slots are free.", "-> distributor")
			s.want("processes", ask(0, "processes"), "-> distributor", "running")
			s.do("PUT", "one", 202)
			s.do("PUT", "two", 202)
			s.want("sessions list", ask(0, "sessions list"), "running", "127.0.0.1#", "one", "two", h.SSHAddr())

			s.tellsBy(env, "journal --kind serving", "began to serve")
			s.tellsBy(env, "why 127.0.0.1", " runs on ", "Now session ")
			s.want("why of nothing", ask(1, "why ABCDEFGH22"), "It may be that", "older than the journal, which begins at")

			s.want("pause", ask(0, "pause --reason Later."), "Clients are told: Later.")
			if _, body := s.do("PUT", "three", 503); !strings.Contains(body, "<p>Later.</p>") {
				t.Errorf("a client is told %q, want the operator's sentence", body)
			}
			s.do("PUT", "one", 204)
			s.want("status", ask(1, "status"), "Nobody gets a new session: paused since", "Later.", "distributor resume", "Sessions: 2. Free slots: 2,")
			s.want("hosts list", ask(0, "hosts list"), "New sessions are paused since", "Later.")
			s.want("resume", ask(0, "resume"), "Clients get new sessions again.")
			s.want("resume again", ask(1, "resume"), "new sessions are not paused")

			s.want("drain", ask(0, "hosts drain "+h.SSHAddr()+" --reason fan"), "Sessions that it still has: 2.")
			for _, line := range []string{"sessions list --host c.example", "sessions stop --host c.example", "journal --host c.example"} {
				s.want(line, ask(1, line), "host c.example is not configured, and nothing is found of it; configured are: "+h.SSHAddr())
			}
			address, _, _ := strings.Cut(h.SSHAddr(), ":")
			s.want("why of a host", ask(1, "why "+address), "distributor journal --host "+address)
			s.want("drain of another host", ask(1, "hosts drain c.example"), "configured are: "+h.SSHAddr())
			s.want("status", ask(1, "status"), "no host takes sessions", "drained since", "distributor hosts undrain "+h.SSHAddr())
			s.want("undrain", ask(0, "hosts undrain "+h.SSHAddr()), "takes sessions again")
			s.stopsByID(ask)
			s.stopsByFilter(ask)
			if n := len(h.Containers()); n != 0 {
				t.Errorf("%d containers are left", n)
			}
		})
	}
}

// tellsBy is [stack.tells] by a way to the service.
func (s *stack) tellsBy(env, command string, texts ...string) {
	s.t.Helper()
	other := *s
	other.Env = append(append([]string(nil), s.Env...), strings.Fields(env)...)
	if out := other.tells(command, texts...); strings.Contains(out, "No running distributor") {
		s.t.Errorf("%s says that no distributor answers:\n%s", command, out)
	}
}

// stopsByID stops the session of a client, and the client gets another.
func (s *stack) stopsByID(ask func(int, string) string) {
	s.t.Helper()
	var all operator.SessionList
	out := ask(0, "sessions list --json")
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all.Sessions) != 2 || all.Sessions[0].UserAgent != "one" {
		s.t.Fatalf("sessions list --json says %s, %v; want two, the first of them one's", out, err)
	}
	stop := fmt.Sprintf("sessions stop %d", all.Sessions[0].ID)
	s.want("completion", ask(0, "__complete sessions stop "), fmt.Sprintf("%d\t127.0.0.1#", all.Sessions[0].ID))
	s.want(stop, ask(0, stop), "Stopping 1 session.", "Stopped, with their containers gone: 1. Not stopped: 0.")
	s.want(stop+" again", ask(1, stop), "there is no session")
	s.do("PUT", "one", 202)
}

// stopsByFilter stops those of one address.
func (s *stack) stopsByFilter(ask func(int, string) string) {
	s.t.Helper()
	s.want("a stop of the old", ask(0, "sessions stop --older-than 1h"), "There are no such sessions.")
	s.want("a stop that is tried", ask(0, "sessions stop --client 127.0.0.1 --dry-run"), "2 sessions would be stopped.")
	s.want("a stop of the old, in days", ask(0, "sessions stop --older-than 1d"), "There are no such sessions.")
	if lines := strings.Split(ask(0, "sessions list --unused"), "\n"); len(lines) != 4 || !strings.HasSuffix(lines[1], "two") || !strings.HasSuffix(lines[2], "one") {
		s.t.Errorf("sessions list --unused says %q; want two's session first", lines)
	}
	s.do("PUT", "two", 204)
	s.want("a stop", ask(0, "sessions stop --client 127.0.0.1"), "Stopping 2 sessions.", "gone: 2. Not stopped: 0.")
}

// TestStopSaysWhichCouldNotBeStopped: by its exit code, too.
func TestStopSaysWhichCouldNotBeStopped(t *testing.T) {
	s, h := newPretendStack(t)
	s.start()
	s.do("PUT", "one", 202)
	if err := h.SetDown(true); err != nil {
		t.Fatal(err)
	}
	s.want("stop", s.asked("")(1, "sessions stop --host "+h.SSHAddr()), "does not answer: cleanup removes the container when it does", "gone: 0. Not stopped: 1.")
	s.want("status", s.asked("")(1, "status"), "Host "+h.SSHAddr()+" is down since")
}

// TestConfigCheckSaysWhatIsLeftOnOtherHosts: before a restart that would not know them.
func TestConfigCheckSaysWhatIsLeftOnOtherHosts(t *testing.T) {
	s, h := newPretendStack(t)
	s.start()
	s.do("PUT", "one", 202)
	s.do("PUT", "two", 202)
	if out := s.run(0, "distributor", "config", "check"); strings.Contains(out, "Warning") || !strings.Contains(out, "ssh "+h.User()+"@"+h.SSHAddr()) {
		t.Errorf("config check says\n%s\nwant how the host is reached, and no warning", out)
	}
	s.set("CONTAINER_HOSTS", "other.example")
	s.want("config check", s.run(0, "distributor", "config", "check"), "Warning: "+h.SSHAddr()+" has 2 sessions, and is not configured.", "cleanup --forget-host "+h.SSHAddr())
}

// TestPauseIsKnownToAllProcesses: to one that was not asked, too, and the first that
// answers names the other.
func TestPauseIsKnownToAllProcesses(t *testing.T) {
	s, _ := newPretendStack(t)
	s.start()
	second := *s
	second.Env = append(append([]string(nil), s.Env...), "LISTEN="+proctest.FreeAddr(t), "INSTANCE=second")
	second.base = "http://" + strings.TrimPrefix(second.Env[len(second.Env)-2], "LISTEN=")
	second.start()
	out := s.asked("")(0, "status")
	s.want("status", out, "-> distributor", "   distributor", "second")
	s.asked("")(0, "pause")
	s.do("PUT", "one", 503)
	second.do("PUT", "one", 503)
	s.asked("")(0, "resume")
	second.do("PUT", "one", 202)
}

// TestAccountsOfARunningService: each command, by the control socket and by LISTEN.
func TestAccountsOfARunningService(t *testing.T) {
	s, _ := newPretendStack(t)
	s.set("ADMIN_TOKEN", "0perator")
	s.start()
	for way, env := range ways {
		t.Run(way, func(t *testing.T) {
			s := *s
			s.t = t
			ask := s.asked(env)
			s.want("accounts add", ask(0, "accounts add anna"), "Added account anna.", "Password: ", "that takes PORTAL=accounts in the settings")
			s.want("accounts add again", ask(1, "accounts add anna"), "there is an account anna already")
			s.want("accounts password", ask(0, "accounts password anna"), "Account anna has another password.", "Password: ")
			s.want("accounts set", ask(0, "accounts set anna --max-sessions 7"), "anna  yes", "7")
			s.want("accounts disable", ask(0, "accounts disable anna"), "Account anna is disabled.")
			s.want("accounts list", ask(0, "accounts list"), "anna  no, disabled")
			s.want("accounts enable", ask(0, "accounts enable anna"), "Account anna may come in again.")
			s.want("completion", ask(0, "__complete accounts remove "), "anna\n")
			s.want("accounts remove", ask(0, "accounts remove anna"), "Account anna is removed.")
			s.want("accounts add of a wrong name", ask(2, "accounts add .."), "want 1 to 32 of a-z")
		})
	}
	s.want("the log", s.proc.Output(), "account added", "account=anna", "account disabled", "account removed")
	if strings.Contains(s.proc.Output(), "assword:") {
		t.Errorf("the log has a password:\n%s", s.proc.Output())
	}
}
