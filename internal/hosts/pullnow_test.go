package hosts_test

import (
	"errors"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

// TestPullNow: it says what was there before and what is there then, and why there is
// nothing new.
func TestPullNow(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	p, _ := newPool(t, list, nil)
	var progress [2]int64
	pull := func() (hosts.Pulled, error) {
		return p.Pull(t.Context(), "host0", func(done, total int64) { progress = [2]int64{done, total} })
	}
	list[0].SetImage(false)
	first, err := pull()
	if err != nil || first.Before != "" || first.After == "" || progress[0] == 0 || progress[0] != progress[1] {
		t.Fatalf("Pull = %+v, %v after %v bytes; want an image where there was none", first, err, progress)
	}
	if again, err := pull(); err != nil || again.Before != first.After || again.After != first.After {
		t.Errorf("Pull again = %+v, %v; want %s twice", again, err, first.After)
	}
	list[0].PullIsNewer()
	if newer, err := pull(); err != nil || newer.Before != first.After || newer.After == first.After {
		t.Errorf("Pull of a newer one = %+v, %v; want another than %s", newer, err, first.After)
	}
	list[0].PullFails("pull access denied")
	if _, err := pull(); err == nil || !strings.Contains(err.Error(), "pull "+pretend.DefaultImage+": pull access denied") {
		t.Errorf("a pull that fails says %v", err)
	}
	must(t, list[0].SetDown(true))
	if _, err := pull(); !errors.Is(err, hosts.ErrUnreachable) {
		t.Errorf("Pull on a host that is off = %v, want ErrUnreachable", err)
	}
	if _, err := p.Pull(t.Context(), "other", nil); !errors.Is(err, hosts.ErrUnknownHost) {
		t.Errorf("Pull on an unknown host = %v", err)
	}
}
