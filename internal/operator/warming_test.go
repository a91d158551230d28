package operator

import (
	"strings"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/session"
)

// TestSentenceOfAFullPool: what is being warmed up is for who comes, and hosts that are
// down are named with the full ones.
func TestSentenceOfAFullPool(t *testing.T) {
	full := session.HostState{Status: hosts.Status{State: hosts.Up}}
	warming := full
	warming.Warming = 1
	down := session.HostState{Status: hosts.Status{State: hosts.Unreachable}}
	for _, tt := range []struct {
		hosts []session.HostState
		takes bool
		want  string
		wrong bool // that all is full
	}{
		{[]session.HostState{full}, false, "Nobody gets a new session: all is full.", true},
		{[]session.HostState{full, down}, false, "Nobody gets a new session: all is full, and 1 host is down.", true},
		{[]session.HostState{full, down, down}, false, "all is full, and 2 hosts are down.", true},
		{[]session.HostState{warming, down}, true, "no slot is free, but it gets what is being warmed up (1 container).", false},
	} {
		l := state{now: &session.Overview{Hosts: tt.hosts}, processes: []Process{{Kind: "distributor", State: Running}}}
		takes, text := l.sentence()
		list := l.wrong()
		isFull := len(list) > 0 && strings.HasPrefix(list[len(list)-1].What, "All hosts that take sessions are full")
		if takes != tt.takes || !strings.HasSuffix(text, tt.want) || isFull != tt.wrong {
			t.Errorf("%d hosts: %t %q, wrong: %+v; want %t %q", len(tt.hosts), takes, text, list, tt.takes, tt.want)
		}
	}
	if text := (database.Config{Path: "/d/x.db"}).Mend(database.ErrLocked).String(); !strings.Contains(text, "all but distributor and cleanup; fuser -v") {
		t.Errorf("a locked file is mended by %q", text)
	}
}
