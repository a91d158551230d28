package operator

import (
	"strings"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

// TestSentenceOfAFullPool: hosts that are down are named with the full ones.
func TestSentenceOfAFullPool(t *testing.T) {
	full := session.HostState{Status: hosts.Status{State: hosts.Up}}
	down := session.HostState{Status: hosts.Status{State: hosts.Unreachable}}
	for _, tt := range []struct {
		hosts []session.HostState
		want  string
	}{
		{[]session.HostState{full}, "Nobody gets a new session: all is full."},
		{[]session.HostState{full, down}, "Nobody gets a new session: all is full, and 1 host is down."},
		{[]session.HostState{full, down, down}, "all is full, and 2 hosts are down."},
	} {
		l := state{now: &session.Overview{Hosts: tt.hosts}, processes: []Process{{Kind: "distributor", State: Running}}}
		takes, text := l.sentence()
		list := l.wrong()
		isFull := len(list) > 0 && strings.HasPrefix(list[len(list)-1].What, "All hosts that take sessions are full")
		if takes || !strings.HasSuffix(text, tt.want) || !isFull {
			t.Errorf("%d hosts: %t %q, wrong: %+v; want that all is full, and %q", len(tt.hosts), takes, text, list, tt.want)
		}
	}
	if text := (database.Config{Path: "/d/x.db"}).Mend(database.ErrLocked).String(); !strings.Contains(text, "all but distributor and cleanup; fuser -v") {
		t.Errorf("a locked file is mended by %q", text)
	}
}
