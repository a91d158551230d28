package hosts_test

import (
	"slices"
	"sync"
	"testing"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

// TestObserverIsToldOfChanges, once of each, and of why a host is down.
func TestObserverIsToldOfChanges(t *testing.T) {
	list := servicetest.StartHosts(t, 2, pretend.Config{})
	p, _ := newPool(t, list, nil)
	var mu sync.Mutex
	var changes []hosts.StateChange
	p.SetObserver(func(c hosts.StateChange) {
		mu.Lock()
		defer mu.Unlock()
		changes = append(changes, c)
	})
	told := func(host string) (states []hosts.State) {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range changes {
			if c.Host != host {
				continue
			}
			if c.State.IsDown() != (c.Reason != "") {
				t.Errorf("told of %+v", c)
			}
			if n := len(states); n == 0 || states[n-1] != c.State {
				states = append(states, c.State) // else for another reason
			}
		}
		return states
	}
	run(t, p)
	eventually(t, "both are up", func() bool { return len(told("host0")) == 1 && len(told("host1")) == 1 })
	must(t, list[0].SetDown(true))
	eventually(t, "one is down", func() bool { return len(told("host0")) == 2 })
	must(t, list[0].SetDown(false))
	eventually(t, "it is up again", func() bool { return len(told("host0")) == 3 })
	if got, want := told("host0"), []hosts.State{hosts.Up, hosts.Unreachable, hosts.Up}; !slices.Equal(got, want) {
		t.Errorf("told of host0: %v, want %v", got, want)
	}
	if got := told("host1"); !slices.Equal(got, []hosts.State{hosts.Up}) {
		t.Errorf("told of host1: %v, want that it is up", got)
	}
}
