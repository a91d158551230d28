package session_test

import (
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
)

// TestDeathOfAContainerFreesItsSlot: without any request or cleanup.
func TestDeathOfAContainerFreesItsSlot(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := watching(t, db)
		s := mustAllocate(t, k, amiga, true)
		mustAllocate(t, k, atari, true)
		k.Hosts[0].KillContainer(s.ContainerID)
		eventually(t, "one row", func() bool { return rows(t, k) == "running:1" })
		eventually(t, "one container", func() bool { return len(containers(k)) == 1 })
	})
}

func TestDeathOfAWarmContainerFreesItsSlot(t *testing.T) {
	k := watching(t, databasetest.New(t))
	mustStartWarm(t, k, false, 1)
	k.Hosts[0].KillContainer(containers(k)[0])
	eventually(t, "no row", func() bool { return rows(t, k) == "" })
	eventually(t, "no container", func() bool { return len(containers(k)) == 0 })
}

// TestMissedEventsAreMadeUpFor: what happens while the stream of events is broken
// is found when it is open again.
func TestMissedEventsAreMadeUpFor(t *testing.T) {
	k := watching(t, databasetest.New(t))
	s := mustAllocate(t, k, amiga, true)
	must(t, k.Hosts[0].SetDown(true))
	k.Hosts[0].KillContainer(s.ContainerID)
	wantRows(t, k, "running:1") // unreachable is not gone
	must(t, k.Hosts[0].SetDown(false))
	eventually(t, "no row", func() bool { return rows(t, k) == "" })
	eventually(t, "no container", func() bool { return len(containers(k)) == 0 })
}

// TestContainerWithoutSessionIsRemoved: an engine carries a create out long after
// it was given up, and the row is gone.
func TestContainerWithoutSessionIsRemoved(t *testing.T) {
	k := watching(t, databasetest.New(t))
	_, err := k.Pool.Create(t.Context(), hosts.Spec{Ref: hosts.Ref{Host: "host0", Name: "wrp_late", Session: 4711, Nonce: "n"}, Port: 9090})
	must(t, err)
	eventually(t, "no container", func() bool { return len(containers(k)) == 0 })
}
