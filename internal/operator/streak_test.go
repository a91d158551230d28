package operator_test

import (
	"fmt"
	"strings"
	"testing"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/operator"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestStartsThatFailAreTold: how often in a row, why, and what mends it; a session is not
// promised where all fail. A start that succeeds ends it.
func TestStartsThatFailAreTold(t *testing.T) {
	t.Parallel()
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Hosts: 2, Max: 3})
	k.Pool.CheckHealth(t.Context())
	h := handler(t, k)
	refused := func(n int) {
		t.Helper()
		c := session.Client{IP: fmt.Sprintf("192.0.2.%d", n), UserAgent: "x"}
		if s, _, err := k.Sessions.Allocate(t.Context(), c, false); err == nil {
			t.Fatalf("client %d got session %d, want none", n, s.ID)
		}
	}
	const disk = "mkdir /var/lib/docker/overlay2/fa11: no space left on device"
	k.Hosts[0].FailNext(pretend.OpStart, 500, disk, 3)
	k.Hosts[1].FailNext(pretend.OpStart, 500, "OCI runtime create failed", 3)
	refused(1)
	wantSaid(t, "one start failed on each", h, "true A client can get a session now: 6 slots are free.",
		"Host host0: the last start failed, at ", disk+". -> ", "df -h; docker system df; docker image prune", "Host host1", "-> distributor hosts check host1")
	refused(2)
	refused(3)
	wantSaid(t, "three failed on each", h, "false A client may not get a session: starts fail on all hosts that take any.",
		"Host host0: starts fail: 3 in a row since ", disk, "Host host1: starts fail: 3 in a row")
	all := get[operator.Hosts](t, h, operator.Call{Path: operator.HostsPath})
	if f := all.Hosts[0].Failing; f == nil || f.Times != 3 || !strings.Contains(f.Why, disk) || !all.Hosts[0].Takes {
		t.Errorf("host0 is %+v, failing %+v; want 3 failures for its disk, and that it is asked still", all.Hosts[0], f)
	}
	s := allocate(t, k, amiga)
	if got := said(get[operator.Status](t, h, operator.Call{Path: operator.StatusPath})); !strings.HasPrefix(got, "true A client can") || strings.Contains(got, "Host "+s.Host) {
		t.Errorf("after a start on %s that succeeded the status is\n%s", s.Host, got)
	}
}
