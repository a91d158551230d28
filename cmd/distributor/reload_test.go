package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/proctest"
	"wrpdistributor/internal/service/servicetest"
)

// newReloadStack returns a stack whose hosts stand in a file, and these.
func newReloadStack(t *testing.T, n int) (*stack, []*pretend.Host, []proctest.Host) {
	t.Helper()
	s := &stack{t: t, Commands: *commands(t, "-tags", "crashpoints")}
	list := servicetest.StartHosts(t, n, pretend.Config{})
	s.configure(pretend.DefaultImage)
	var all []proctest.Host
	for _, h := range list {
		all = append(all, proctest.Host{Name: h.SSHAddr(), User: h.User(), Key: h.ClientKeyPEM(), KnownHosts: h.KnownHostsLine(), Options: "max=1"})
	}
	s.UseHostsFile(all...)
	s.set("CONTAINER_DISTRIBUTION_METHOD", "fillhost")
	s.set("ORPHAN_GRACE", "1ms")
	return s, list, all
}

// TestReloadTakesHostsOver: new ones join, one that is left out leaves with its last
// session, a file with mistakes changes nothing, and cleanup --every follows.
func TestReloadTakesHostsOver(t *testing.T) {
	s, list, all := newReloadStack(t, 3)
	reload := func(code int, want ...string) {
		t.Helper()
		out := s.run(code, "distributor", "reload")
		for _, text := range want {
			if !strings.Contains(out, text) {
				t.Errorf("reload says\n%s\nwant %q", out, text)
			}
		}
	}
	s.WriteHostsFile(all[:1]...)
	reload(1, "no running distributor answers at a control socket in", "RUNTIME_DIR")
	s.start()
	cleanup := s.Start("cleanup", "--every", "1h")
	s.eventually("both have a control socket", func() bool {
		sockets, _ := filepath.Glob(filepath.Join(s.Dir, "*", "control-*.sock"))
		return len(sockets) == 2
	})
	s.put("a")
	s.do("PUT", "b", 503)

	larger := all[1]
	larger.Options = "max=2"
	s.WriteHostsFile(all[0], larger)
	reload(0, "distributor on ", "cleanup on ", "  joined: "+all[1].Name+"\n")
	s.eventually("the new host is up", func() bool { return list[1].Requests(pretend.OpEvents) > 0 })
	s.put("b")
	reload(0, "no host has changed")

	junk := all[2]
	junk.Options = "max=many"
	s.WriteHostsFile(larger, junk)
	reload(1, "Nothing was changed", "line 2: "+junk.Name+": max=many: want a whole number", "not every process")
	s.WriteHostsFile()
	reload(1, "the file has no host")
	if out := s.run(0, "distributor", "hosts", "list"); strings.Contains(out, "leaving") || strings.Contains(out, all[2].Name) {
		t.Errorf("after what was refused hosts list says\n%s", out)
	}

	s.WriteHostsFile(larger)
	if err := os.WriteFile(filepath.Join(s.Dir, ".env"), []byte("CLEANUP_TIMEOUT=7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	reload(0, "leaving: "+all[0].Name+", 1 sessions stand on it", "counts after a restart only: CLEANUP_TIMEOUT")
	if out := s.run(0, "distributor", "hosts", "list"); !strings.Contains(out, "no, leaving") {
		t.Errorf("hosts list says\n%s", out)
	}
	if out := s.run(0, "cleanup", "--verbose"); strings.Contains(out, "not among the configured hosts") {
		t.Errorf("cleanup, which does not know the host that leaves, says\n%s", out)
	}
	s.do("PUT", "a", 204)
	s.do("PUT", "c", 202)
	if got := s.text("SELECT GROUP_CONCAT(CONCAT(containerHost, ' ', slot) ORDER BY id) FROM sessions"); got != all[0].Name+" 0,"+all[1].Name+" 0,"+all[1].Name+" 1" {
		t.Errorf("sessions are on %s, want only the first on the host that leaves", got)
	}
	s.do("DELETE", "a", 202)
	s.eventually("the host has left", func() bool {
		return strings.Contains(s.proc.Output(), "host has left") && list[0].OpenConnections() == 0
	})

	s.WriteHostsFile(all[0], larger)
	s.proc.Signal(syscall.SIGHUP)
	cleanup.Signal(syscall.SIGHUP)
	s.eventually("it is back after SIGHUP", func() bool {
		return strings.Contains(s.run(0, "distributor", "hosts", "list"), all[0].Name)
	})
	s.terminate()
}

// TestReloadWithoutAFileSaysSo, of CONTAINER_HOSTS and of pretend hosts, and SIGHUP ends
// nothing.
func TestReloadWithoutAFileSaysSo(t *testing.T) {
	s, _ := newPretendStack(t)
	s.set("ADMIN_TOKEN", "0perator")
	s.start()
	for way, env := range ways {
		s.want("reload "+way, s.asked(env)(1, "reload"), "HOSTS_FILE is not set")
	}
	s.proc.Signal(syscall.SIGHUP)
	s.eventually("SIGHUP is answered in the log", func() bool { return strings.Count(s.proc.Output(), "reload refused; nothing was changed") == 3 })
	s.do("PUT", "a", 202)
}
