package main

import (
	"strings"
	"testing"

	"wrpdistributor/internal/pretend"
)

// TestHostsAreCheckedAndPull: beside a running distributor, which is not asked, and
// whose sessions go on.
func TestHostsAreCheckedAndPull(t *testing.T) {
	s, h := newPretendStack(t)
	s.start()
	s.do("PUT", "one", 202)
	out := s.run(0, "distributor", "hosts", "check", h.SSHAddr())
	s.want("hosts check", out, h.SSHAddr()+"\n  PASSED   name ", "  PASSED   container ", "1 in use by containers of distributors (1 of database ", ", wrp_", "removed\n")
	out = s.run(0, "distributor", "hosts", "check", "--json")
	s.want("hosts check --json", out, `"passed":true`, `{"step":"container","outcome":"PASSED",`)
	s.want("hosts pull", s.run(0, "distributor", "hosts", "pull"), "on 1 of 1 hosts.\n"+h.SSHAddr()+": nothing newer, it is sha256:")
	h.PullIsNewer()
	s.want("hosts pull of a newer image", s.run(0, "distributor", "hosts", "pull", h.SSHAddr()), h.SSHAddr()+": pulled sha256:", ", was sha256:")
	h.PullFails("pull access denied")
	s.want("a pull that fails", s.run(1, "distributor", "hosts", "pull"),
		h.SSHAddr()+": FAILED: pull "+pretend.DefaultImage+": pull access denied\n", "mend it, "+h.SSHAddr()+":\n  docker save "+pretend.DefaultImage+" | ssh -p ", "hosts that could not pull the image: 1 of 1")
	s.want("pull --json", s.run(1, "distributor", "hosts", "pull", "--json"), `{"hosts":[{"host":"`+h.SSHAddr()+`","error":"pull `)
	s.do("PUT", "one", 204)
	if list := h.Containers(); len(list) != 1 || strings.HasPrefix(list[0].Name, "wrp_doctor") {
		t.Errorf("containers are %+v, want the session's", list)
	}
}
