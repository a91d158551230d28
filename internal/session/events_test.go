package session_test

import (
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/service/servicetest"
)

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// watching returns a service whose event streams are open.
func watching(t *testing.T, db *database.DB, opt servicetest.Options) *servicetest.Kit {
	t.Helper()
	opt.Watch = true
	k := servicetest.New(t, db, opt)
	eventually(t, "events are followed", func() bool { return k.Hosts[0].Requests("events") > 0 })
	return k
}

// TestContainerEndsByItself: its slot is free without any request or cleanup.
func TestContainerEndsByItself(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := watching(t, db, servicetest.Options{})
		s := mustAllocate(t, k, amiga, true)
		mustAllocate(t, k, atari, true)
		k.Hosts[0].KillContainer(s.ContainerID)
		eventually(t, "one row", func() bool { return rows(t, k) == "running:1" })
		eventually(t, "one container", func() bool { return len(k.Hosts[0].Containers()) == 1 })
	})
}

// TestDecision04StreamBreaks: what happens while the stream is broken is made good.
func TestDecision04StreamBreaks(t *testing.T) {
	k := watching(t, databasetest.New(t), servicetest.Options{})
	s := mustAllocate(t, k, amiga, true)
	must(t, k.Hosts[0].SetDown(true))
	k.Hosts[0].KillContainer(s.ContainerID)
	wantRows(t, k, "running:1") // unreachable is not gone
	must(t, k.Hosts[0].SetDown(false))
	eventually(t, "no row", func() bool { return rows(t, k) == "" })
	eventually(t, "no container", func() bool { return len(k.Hosts[0].Containers()) == 0 })
}

// TestDecision10LateContainer: the engine carries a create out long after it was
// given up; the container is removed when it is seen.
func TestDecision10LateContainer(t *testing.T) {
	k := watching(t, databasetest.New(t), servicetest.Options{})
	k.Hosts[0].SetDelay("create", 400*time.Millisecond)
	go func() { _, _, _ = k.Sessions.Allocate(t.Context(), amiga, false) }() // it is cut off below
	eventually(t, "a create under way", func() bool { return k.Hosts[0].Requests("create") > 0 })
	k.Sessions.Close()
	if _, err := k.DB.ExecContext(t.Context(), `DELETE FROM sessions`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the container was made", func() bool { return k.Hosts[0].Requests("remove") > 0 })
	eventually(t, "it is gone", func() bool { return len(k.Hosts[0].Containers()) == 0 })
}
