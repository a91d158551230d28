package main

import (
	"fmt"
	"strings"
	"testing"

	"wrpdistributor/internal/proctest"
)

// TestCommandsSeeTheServicesEnvironment: what "make run" chooses stands in no file. Commands
// in the same folder ask the service for it, be it one that pretends, and say so.
func TestCommandsSeeTheServicesEnvironment(t *testing.T) {
	t.Parallel()
	s := &stack{t: t, Commands: *commands(t)}
	listen := proctest.FreeAddr(t)
	s.base = "http://" + listen
	s.set("AUTH_TOKEN", authToken)
	s.set("SESSION_DATABASE_DSN", "sqlite:elsewhere.db")
	s.set("HOSTS_FILE", "none")
	pretends := s.Command("distributor", "--pretend", "1")
	pretends.Env = append(pretends.Env, "LISTEN="+listen, "WRP_IMAGE=stand-in:7", "ADMIN_TOKEN=0perator",
		fmt.Sprint("START_PORT=", proctest.FreeRange(t, 26)))
	s.proc = proctest.Start(t, pretends)
	s.awaitReady()
	s.line("settings not used while pretending", `names="[HOSTS_FILE SESSION_DATABASE_DSN]"`)
	out := s.run(0, "distributor", "config", "check")
	s.want("config check", out, "Checked: the distributor that pretends with DATA_DIR=data, ",
		"sets: LISTEN, START_PORT, WRP_IMAGE. Not looked at: HOSTS_FILE, SESSION_DATABASE_DSN\n",
		"127.0.0.2", "Clients connect to: "+listen+"\n", "Image: stand-in:7\n", "reachable: yes\n")
	if strings.Contains(out, "0perator") {
		t.Errorf("a secret is told:\n%s", out)
	}
	s.run(0, "distributor", "healthcheck")
	s.want("hosts check", s.run(0, "distributor", "hosts", "check"), "image ", "stand-in:7")
	s.set("WRP_IMAGE", "mine:1") // whoever asks may want to know of another
	s.want("config check with an image of its own", s.run(0, "distributor", "config", "check"), "Image: mine:1\n")
	s.proc.Kill()
	s.want("config check alone", s.run(1, "distributor", "config", "check"), `HOSTS_FILE="none"`)
}

// TestNewDatabaseIsSaid: whoever mistypes a path sees that there was no database.
func TestNewDatabaseIsSaid(t *testing.T) {
	t.Parallel()
	s := &stack{t: t, Commands: *commands(t)}
	listen := proctest.FreeAddr(t)
	s.base = "http://" + listen
	s.set("AUTH_TOKEN", authToken)
	s.set("LISTEN", listen)
	s.set("CONTAINER_HOSTS", "local")
	s.set("SESSION_DATABASE_DSN", "sqlite:mistyped/w.db")
	s.want("status without a database", s.run(1, "distributor", "status"), "no database at "+s.Dir+"/mistyped/w.db (SESSION_DATABASE_DSN")
	for _, made := range []int{1, 0} {
		s.proc = proctest.Start(t, s.Command("distributor"))
		s.eventually("it serves", func() bool { return strings.Contains(s.proc.Output(), "msg=serving") })
		if n := strings.Count(s.proc.Output(), `msg="new database made; there was none" path=`+s.Dir+"/mistyped/w.db"); n != made {
			t.Errorf("a new database is said %d times, want %d:\n%s", n, made, s.proc.Output())
		}
		s.proc.Kill()
	}
}
