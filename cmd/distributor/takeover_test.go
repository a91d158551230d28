package main

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// A session is running all the time.
func TestTakeOverFromPHPProgramAndBack(t *testing.T) {
	sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{})
	s := newStackOn(t, databasetest.Config(t, "mysql").MySQL, sshd) // without our tables
	ddl, err := os.ReadFile("../../internal/database/testdata/original.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range strings.Split(string(ddl), ";\n") {
		if strings.TrimSpace(statement) != "" {
			s.sql(statement)
		}
	}
	port := proctest.FreeRange(t, 1)
	id := hoststest.Docker(t, "run", "--rm", "-d", "-p", strconv.Itoa(port)+":8080", hoststest.Image, "-O", "-n", "-token", "old", "-log", "/dev/null")
	t.Cleanup(func() {
		if hoststest.Docker(t, "ps", "-q", "--no-trunc", "--filter", "id="+id) != "" {
			hoststest.Docker(t, "rm", "-f", id)
		}
	})
	s.sql("INSERT INTO sessions (id, clientIp, clientUserAgent, wrpContainerId, containerHost, port, started) VALUES (41, '127.0.0.1', 'Ami', '" + id + "', '" + sshd.Addr + "', " + strconv.Itoa(port) + ", NOW())")
	s.sql("INSERT INTO sessions (id, clientIp, clientUserAgent, started) VALUES (42, '192.0.2.1', 'without container', NOW())")

	s.start()
	header, _ := s.do("PUT", "Ami", 204)
	url := "127.0.0.1:" + strconv.Itoa(port)
	if header.Get("X-Wrp-Url") != url || header.Get("X-Wrp-Token") != "" {
		t.Errorf("PUT on a session of the PHP program = %v, want its URL and no token", header)
	}
	if code, _, _ := s.request("GET", "http://"+url+"/", "old", "Ami"); code != 200 {
		t.Errorf("its WRP = %d, want 200", code)
	}
	s.put("new")
	ours := s.text("SELECT wrpContainerId FROM sessions WHERE clientUserAgent = 'new'")
	if out := s.run(1, "distributor", "migrate", "--down"); !strings.Contains(out, "distributor on") || strings.Contains(out, "Stopping") {
		t.Errorf("migrate --down beside a distributor says %q, want that it lives", out)
	}
	s.do("PUT", "new", 204)
	s.terminate()

	out := s.run(0, "distributor", "migrate", "--down")
	if !strings.Contains(out, "the PHP program's again") {
		t.Errorf("migrate --down says %q", out)
	}
	if !strings.Contains(out, "Stopping session") || strings.Count(out, "Stopping session") != 1 {
		t.Errorf("migrate --down says %q, want that it stops the one session that we started", out)
	}
	if left := hoststest.Docker(t, "ps", "-aq", "--no-trunc", "--filter", "id="+ours); left != "" {
		t.Error("the container of a session that the PHP program could not remove is left")
	}
	if got := s.text("SELECT GROUP_CONCAT(clientUserAgent) FROM sessions"); got != "Ami" {
		t.Errorf("sessions of %q survived the way back, want that of Ami", got)
	}
	s.start()
	s.do("DELETE", "Ami", 202)
	if c, err := net.Dial("tcp", url); err == nil {
		c.Close()
		t.Error("the session of the PHP program still runs after DELETE")
	}
	s.do("DELETE", "new", 204)
}
