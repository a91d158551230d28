package session_test

import (
	"strings"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/service/servicetest"
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

// TestHostSpeaksForItsOwnContainersOnly: one that somebody has taken over says of another
// host's container that it has died, and of sessions that it has others.
func TestHostSpeaksForItsOwnContainersOnly(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{Hosts: 2})
	s := mustAllocate(t, k, amiga, true)
	other := map[string]string{"host0": "host1", "host1": "host0"}[s.Host]
	for _, action := range []hosts.Action{hosts.Died, hosts.Destroyed, hosts.Created, hosts.Started} {
		for _, id := range []string{s.ContainerID, strings.Repeat("0", 64)} {
			k.Sessions.HandleEvent(t.Context(), hosts.Event{Host: other, Action: action, Container: hosts.Container{ID: id, Session: s.ID, Nonce: s.Nonce}})
		}
	}
	k.Sessions.HandleListing(t.Context(), other, []hosts.Container{{ID: s.ContainerID, Session: s.ID, Nonce: s.Nonce}})
	wantRows(t, k, "running:1")
	if n := len(containers(k)); n != 1 {
		t.Errorf("%d containers, want the one", n)
	}
	k.Sessions.HandleEvent(t.Context(), hosts.Event{Host: s.Host, Action: hosts.Died, Container: hosts.Container{ID: s.ContainerID, Session: s.ID}})
	eventually(t, "its own host is believed", func() bool { return rows(t, k) == "" })
}

// TestHostFillsNoLogWithEvents: one that somebody has taken over tells of containers that
// it does not have. What others tell is said as ever.
func TestHostFillsNoLogWithEvents(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{Hosts: 2})
	log := logging(k)
	tell := func(host string) {
		k.Sessions.HandleEvent(t.Context(), hosts.Event{Host: host, Action: hosts.Created, Container: hosts.Container{ID: strings.Repeat("0", 64), Name: "wrp_late", Session: 4711}})
	}
	for range 1000 {
		tell("host0")
	}
	if n := log.count("removing container without session", "host=host0"); n < 10 || n > 500 {
		t.Errorf("%d lines about 1000 events, want some and not all", n)
	}
	tell("host1")
	if n := log.count("removing container without session", "host=host1"); n != 1 {
		t.Errorf("%d lines about the event of another host, want 1", n)
	}
}
