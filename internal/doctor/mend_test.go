package doctor

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"wrpdistributor/internal/hosts"
)

// TestMachineWithoutDockerNeedBeNoHost: where "local" is what was there before, nothing is
// to be installed for it.
func TestMachineWithoutDockerNeedBeNoHost(t *testing.T) {
	p := patient{Host: hosts.Host{Name: "local"}, cfg: Config{Place: "line 13 of HOSTS_FILE=/etc/hosts-of-ours"}}
	const line = "line 13 of HOSTS_FILE=/etc/hosts-of-ours"
	if m := p.mendWay(fmt.Errorf("dial: %w", os.ErrNotExist)); m.On != Here || !strings.Contains(m.Command, "systemctl start docker") || !strings.Contains(m.Command, line) {
		t.Errorf("without a socket: %+v, want both what starts Docker and %q", m, line)
	}
	if m := p.mendWay(fmt.Errorf("dial: %w", syscall.ECONNREFUSED)); strings.Contains(m.Command, line) {
		t.Errorf("with a socket: %+v, which has Docker", m)
	}
}
