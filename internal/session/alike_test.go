package session

import (
	"testing"
	"time"

	"wrpdistributor/internal/hosts"
)

// TestRefusalKeepsOneWholeReason beside the one that is counted.
func TestRefusalKeepsOneWholeReason(t *testing.T) {
	t.Parallel()
	const why = "start container 1083a3bfb957 on a: no space left on device"
	m := &Manager{alive: t.Context()}
	w := m.refused(&FullError{Reasons: []Reason{{Host: "a", Why: why}, {Host: "b", Why: "down since 2026-11-26 15:02:01 UTC: x", Since: time.Unix(0, 0), Cause: "x"}}})
	if want := "no host takes a container; a: start container on a: no space left on device; b: down: x"; w.Why != want || len(w.Reasons) != 2 || w.Reasons[0].Why != why {
		t.Errorf("the refusal is %+v, want to count %q, and a whole reason", w, want)
	}
}

// TestReasonsAreCountedTogether though a name, a folder, a port or a time differs in them;
// those that differ in more are not.
func TestReasonsAreCountedTogether(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ why, want string }{
		{"no host takes a container; host0: start container 1083a3bfb957 on host0: mkdir /var/lib/docker/overlay2/0f1e2d3c4b5a69788796-init: no space left on device",
			"no host takes a container; host0: start container on host0: mkdir /var/lib/docker/overlay2/: no space left on device"},
		{"no host takes a container; a: down since 2026-11-26 15:02:01 UTC: dial tcp 192.0.2.1:41234->192.0.2.7:22: i/o timeout; b: full 20/20",
			"no host takes a container; a: down: dial tcp 192.0.2.1->192.0.2.7:22: i/o timeout; b: full 20/20"},
		{"host is down since 2026-11-26T15:02:01Z: connect: no route to host", "host is down: connect: no route to host"},
		{`a: create container wrp_1a2b_17: the name "/wrp_1a2b_17" is in use`, `a: create container : the name "/" is in use`},
		{"start session 17 on a.example:9091: container is gone", "start session on a.example: container is gone"},
		{"b: full 19/20", "b: full 19/20"},
	} {
		if got := alike(tt.why); got != tt.want {
			t.Errorf("%q counts as\n%q, want\n%q", tt.why, got, tt.want)
		}
	}
}

// TestHostThatWasNotCheckedIsNotDown yet.
func TestHostThatWasNotCheckedIsNotDown(t *testing.T) {
	t.Parallel()
	if got := refusal(hosts.Status{State: hosts.Unknown}, false, nil); got != "not checked yet" {
		t.Errorf("it takes no session since it is %q", got)
	}
}
