package main

import (
	"encoding/json"
	"strings"
	"testing"

	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/proctest"
)

// TestHostsListShowsWhatTheServiceSees: whatever the command's own settings are, and by
// its exit code whether a host takes sessions.
func TestHostsListShowsWhatTheServiceSees(t *testing.T) {
	s, h := newPretendStack(t)
	s.set("ADMIN_TOKEN", "0perator")
	s.start()
	list := func(code int, env string, args ...string) string {
		t.Helper()
		other := *s
		other.Env = append(append([]string(nil), s.Env...), strings.Fields(env)...)
		return other.run(code, "distributor", append([]string{"hosts", "list"}, args...)...)
	}
	const own = "this is how the hosts look from here"
	if out := list(0, "WRP_IMAGE=other:1"); !strings.Contains(out, "yes") || strings.Contains(out, own) {
		t.Errorf("hosts list with another image in its settings says\n%s", out)
	}
	if out := list(0, "START_PORT=no"); !strings.Contains(out, "yes") {
		t.Errorf("hosts list with settings that are wrong says\n%s", out)
	}
	if out := list(0, "RUNTIME_DIR=elsewhere WRP_IMAGE=other:1"); !strings.Contains(out, "yes") || strings.Contains(out, own) {
		t.Errorf("hosts list by LISTEN says\n%s", out)
	}
	if out := list(1, "RUNTIME_DIR=elsewhere ADMIN_TOKEN= WRP_IMAGE=other:1"); !strings.HasPrefix(out, "No running distributor answers") || !strings.Contains(out, "image missing") {
		t.Errorf("hosts list that looks for itself says\n%s", out)
	}

	for i := range 4 {
		s.do("PUT", string(rune('a'+i)), 202)
	}
	if out := list(0, ""); !strings.Contains(out, "no, full") {
		t.Errorf("hosts list of a full host says\n%s", out)
	}
	s.run(0, "distributor", "hosts", "drain", h.SSHAddr(), "--reason", "fan")
	if out := list(1, ""); !strings.Contains(out, "drained: fan") {
		t.Errorf("hosts list of a drained host says\n%s", out)
	}
	s.run(0, "distributor", "hosts", "undrain", h.SSHAddr())

	if err := h.SetDown(true); err != nil {
		t.Fatal(err)
	}
	s.eventually("the service sees the host down", func() bool { return strings.Contains(s.proc.Output(), "host down") })
	out := list(1, "", "--json")
	body, _, _ := strings.Cut(out, "\n")
	var all operator.Hosts
	if err := json.Unmarshal([]byte(body), &all); err != nil || len(all.Hosts) != 1 || all.Hosts[0].Takes || all.Hosts[0].State != "unreachable" || all.Hosts[0].Used != 4 {
		t.Errorf("hosts list --json says %s, %v; want that the service has put the host aside", out, err)
	}

	s.terminate()
	if err := h.SetDown(false); err != nil {
		t.Fatal(err)
	}
	if out := list(0, "ADMIN_TOKEN="); !strings.HasPrefix(out, "No running distributor answers") {
		t.Errorf("hosts list without a service says\n%s", out)
	}
}

// TestHostsListBesidePretender joins it, without any settings of its own.
func TestHostsListBesidePretender(t *testing.T) {
	s := &stack{t: t, Commands: *commands(t)}
	listen := proctest.FreeAddr(t)
	s.base = "http://" + listen
	started := *s
	started.Env = []string{"LISTEN=" + listen, "WRP_IMAGE=" + pretend.DefaultImage + "x"}
	started.proc = proctest.Start(t, started.Command("distributor", "--pretend", "1"))
	started.awaitReady()
	if out := s.run(0, "distributor", "hosts", "list"); !strings.Contains(out, "127.0.0.2") || strings.Contains(out, "No running") {
		t.Errorf("hosts list says\n%s", out)
	}
}
