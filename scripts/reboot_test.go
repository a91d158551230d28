package scripts_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// A rebooting is a stack with a session, whose parts go and come.
type rebooting struct {
	*front
	host  *hoststest.SSHD
	token string
}

// services of the stack with the profile tls.
var services = []string{"mysql", "distributor", "cleanup", "caddy"}

func newRebooting(t *testing.T) *rebooting {
	t.Helper()
	host := startHost(t)
	r := &rebooting{front: newFront(t, host), host: host}
	r.begins(t)
	return r
}

// begins starts the stack, and the client's session.
func (r *rebooting) begins(t *testing.T) {
	t.Helper()
	r.succeeds(t, "The stack is up", "stack.sh", "up")
	r.trusts(t)
	a, err := r.puts(t)
	s, xmlErr := a.Session()
	if err != nil || xmlErr != nil || a.Code != http.StatusAccepted {
		t.Fatalf("PUT: %+v, %v, %v; want 202", a, err, xmlErr)
	}
	r.token = s.Token
}

// TestE2EStackReboots: each part is killed, and so is all of it, and comes back in any
// order. Whoever had a session has it afterwards.
func TestE2EStackReboots(t *testing.T) {
	proctest.E2E(t)
	r := newRebooting(t)
	defer r.ends(t)
	for _, service := range services {
		r.crashes(t, service)
		r.goesOn(t, service+" was killed")
	}
	r.host.Kill()
	r.host.Start()
	r.goesOn(t, "the host's sshd was killed")
	for _, order := range []string{
		"host mysql distributor cleanup caddy",
		"caddy cleanup distributor mysql host",
		"distributor host caddy mysql cleanup",
		"mysql caddy distributor cleanup host",
	} {
		r.reboots(t, strings.Fields(order))
		r.goesOn(t, "a reboot in the order "+order)
	}
	r.leavesNothing(t)
}

// ends all sessions while the host, which was started anew, is still there.
func (r *rebooting) ends(t *testing.T) {
	t.Helper()
	if out, code := r.script(t, "stack.sh", "down"); code != 0 {
		t.Errorf("down: exit code %d\n%s", code, out)
	}
}

// crashes has a service's process end at once. Docker starts it again.
func (r *rebooting) crashes(t *testing.T, service string) {
	t.Helper()
	id := r.container(t, service)
	before := r.pid(t, id)
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		t.Fatalf("kill %s: %v", service, err)
	}
	eventually(t, service+" runs again", func() bool { pid := r.pid(t, id); return pid != before && pid != 0 })
}

func (r *rebooting) pid(t *testing.T, id string) int {
	t.Helper()
	pid, err := strconv.Atoi(hoststest.Docker(t, "inspect", "-f", "{{.State.Pid}}", id))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// reboots kills all, and starts one after the other, as a machine does that knows of no
// dependencies. What is started late is missed: others wait for it, none gives up.
func (r *rebooting) reboots(t *testing.T, order []string) {
	t.Helper()
	r.host.Kill()
	var ids []string
	for _, service := range services {
		ids = append(ids, r.container(t, service))
	}
	hoststest.Docker(t, append([]string{"kill"}, ids...)...)
	for _, part := range order {
		if part == "host" {
			r.host.Start()
			continue
		}
		hoststest.Docker(t, "start", r.container(t, part))
		r.noticesWhatIsMissing(t)
	}
}

// noticesWhatIsMissing: a client that asks meanwhile may be refused, and is given nothing
// but its own session.
func (r *rebooting) noticesWhatIsMissing(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if a, err := proctest.Do(ctx, r.put); err == nil && a.Code != http.StatusServiceUnavailable && a.Code != http.StatusAccepted && a.Code != http.StatusNoContent {
		t.Errorf("PUT during a reboot: %+v", a)
	}
}

// goesOn: sooner or later the client has its session again, and the same one.
func (r *rebooting) goesOn(t *testing.T, after string) {
	t.Helper()
	eventually(t, "a PUT after "+after+" is answered", func() bool {
		a, err := r.puts(t)
		if err != nil || a.Code == http.StatusServiceUnavailable || a.Code == http.StatusBadGateway {
			return false
		}
		if a.Code != http.StatusNoContent || a.Header.Get("X-Wrp-Token") != r.token {
			t.Fatalf("PUT after %s: %+v, want 204 with the token of before", after, a)
		}
		return true
	})
	eventually(t, "the session's pages after "+after, func() bool { return r.browses(t, r.token) == http.StatusOK })
	eventually(t, "everything runs after "+after, func() bool { return r.runs(t) == "caddy cleanup distributor mysql" })
}

// leavesNothing that cleanup would put right.
func (r *rebooting) leavesNothing(t *testing.T) {
	t.Helper()
	out, code := r.script(t, "stack.sh", "cleanup", "--dry-run", "--timeout", "600")
	if code != 0 || !strings.Contains(out, "0 things would be done") {
		t.Errorf("after all reboots cleanup would do: exit code %d\n%s", code, out)
	}
}
