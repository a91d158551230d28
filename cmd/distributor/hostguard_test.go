package main

import (
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
)

// guardSettings are the settings of a guard that go with those of a stack.
func guardSettings() []string {
	return []string{"IMAGES=" + hoststest.Image, "PORTS=1024-65535", "PUBLISH=*"}
}

// TestMainJobThroughGuard: a client's life, cleaning up and a check of the host, with a key
// that reaches Docker through a guard only; also when the guard is killed in between.
func TestMainJobThroughGuard(t *testing.T) {
	for _, tt := range []struct {
		name  string
		stdio bool
		way   string
	}{
		{"socket", false, "wrp-hostguard's socket"},
		{"forced command", true, "docker system dial-stdio"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			guard := hoststest.NewGuard(t, guardSettings()...)
			opt := hoststest.SSHDOptions{KeyOptions: guard.KeyOptions(), Config: "AllowStreamLocalForwarding no"}
			if !tt.stdio {
				guard.Start()
				opt = hoststest.SSHDOptions{KeyOptions: hoststest.GuardedKey, Guard: guard}
			}
			s := newStack(t, hoststest.StartSSHD(t, opt))
			s.set("WARM_CONTAINERS", "1")
			s.start()
			s.mainJob()
			if !tt.stdio {
				guard.Kill()
				guard.Start()
			}
			s.eventually("a session after the guard was killed", func() bool {
				code, _, _ := s.request("PUT", s.base+"/", authToken, "after")
				return code == 202 || code == 204 // the one before may have come to its end
			})
			s.run(0, "cleanup", "--all")
			out := s.run(0, "distributor", "hosts", "check")
			for _, want := range []string{tt.way, "stands before Docker", "container "} {
				if !strings.Contains(out, want) {
					t.Errorf("hosts check says\n%s\nwant %q", out, want)
				}
			}
			if log := s.proc.Output(); strings.Contains(log, "hostguard: ") {
				t.Errorf("the guard refused something:\n%s", log)
			}
		})
	}
}

// TestGuardThatDoesNotFit: a host whose guard allows other ports says which setting it is.
func TestGuardThatDoesNotFit(t *testing.T) {
	guard := hoststest.StartGuard(t, "IMAGES="+hoststest.Image, "PORTS=1024-1025", "PUBLISH=*")
	s := newStack(t, hoststest.StartSSHD(t, hoststest.SSHDOptions{KeyOptions: hoststest.GuardedKey, Guard: guard}))
	s.start()
	if code, _, _ := s.request("PUT", s.base+"/", authToken, "one"); code != 503 {
		t.Errorf("PUT = %d, want 503", code)
	}
	if log := s.proc.Output(); !strings.Contains(log, "PORTS in /etc/wrp-hostguard.conf") {
		t.Errorf("the log does not say which setting it is:\n%s", log)
	}
	out := s.run(1, "distributor", "hosts", "check")
	if !strings.Contains(out, "PORTS in /etc/wrp-hostguard.conf") || !strings.Contains(out, "wrp-hostguard --check") {
		t.Errorf("hosts check says\n%s\nwant the setting, and what to type", out)
	}
}
