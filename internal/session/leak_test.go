package session_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/service/servicetest"
)

// TestFailoverLeaksNothing loses the first host again and again: each time the client
// gets a session on the second, and nothing is left behind in this process.
func TestFailoverLeaksNothing(t *testing.T) {
	rounds := 1000
	if underRace {
		rounds = 100 // make test runs this test without the race detector too
	}
	db := databasetest.New(t)
	k := newKit(t, db, servicetest.Options{Hosts: 2})
	failOver := func() {
		must(t, k.Hosts[0].SetDown(true))
		if s := mustAllocate(t, k, amiga, true); s.Host != "host1" {
			t.Fatalf("session is on %s, want host1", s.Host)
		}
		must(t, k.Sessions.Stop(t.Context(), amiga))
		must(t, k.Hosts[0].SetDown(false))
		k.Pool.CheckHealth(t.Context())
	}
	for range 10 {
		failOver() // until all pools of connections have their size
	}
	before, files, channels := goleak.IgnoreCurrent(), openFiles(t), k.Hosts[1].OpenChannels()
	for range rounds {
		failOver()
	}
	if now := openFiles(t); now > files+rounds/2 {
		t.Errorf("%d files are open, %d were before %d failovers", now, files, rounds)
	}
	if now := k.Hosts[1].OpenChannels(); now > channels+rounds/2 {
		t.Errorf("%d SSH channels are open, %d were before", now, channels)
	}
	must(t, k.Pool.Close())
	must(t, k.Hosts[0].Close())
	must(t, k.Hosts[1].Close())
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
