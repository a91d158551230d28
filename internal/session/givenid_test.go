package session_test

import (
	"fmt"
	"slices"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestHostThatRepeatsAnID keeps nobody from the other hosts, and does not have its first
// container removed for its second.
func TestHostThatRepeatsAnID(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Hosts: 2, Max: 9})
		first := mustAllocate(t, k, amiga, true)
		liar := k.Hosts[0]
		if first.Host != "host0" {
			liar = k.Hosts[1]
		}
		liar.GiveID(first.ContainerID)
		for i := range 3 {
			s := mustAllocate(t, k, session.Client{IP: fmt.Sprintf("192.0.2.%d", 10+i), UserAgent: "a"}, true)
			if s.Host == first.Host || s.ContainerID == first.ContainerID {
				t.Errorf("session %d is on %s as %s, the first on %s", s.ID, s.Host, s.ContainerID, first.Host)
			}
		}
		if !slices.ContainsFunc(liar.Containers(), func(c pretend.ContainerInfo) bool { return c.ID == first.ContainerID }) {
			t.Error("the first session's container was removed")
		}
	})
}
