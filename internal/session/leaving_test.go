package session_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestHostThatLeavesKeepsItsSessions: and takes no new ones, cold or warm.
func TestHostThatLeavesKeepsItsSessions(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Hosts: 2, Max: 2})
		first := mustAllocate(t, k, amiga, true)
		startWarmOn(t, k, "host0")
		if first.Host != "host0" {
			t.Fatalf("the first session is on %s", first.Host)
		}
		if _, err := k.Pool.Reconfigure(k.Config.Hosts[1:]); err != nil {
			t.Fatal(err)
		}
		if again := mustAllocate(t, k, amiga, false); again.ID != first.ID {
			t.Errorf("PUT again gave session %d, want %d", again.ID, first.ID)
		}
		for _, c := range []session.Client{atari, st} {
			if s := mustAllocate(t, k, c, true); s.Host != "host1" {
				t.Errorf("a new session is on %s, which leaves", s.Host)
			}
		}
		full := &session.FullError{}
		if _, _, err := k.Sessions.Allocate(t.Context(), session.Client{IP: "192.0.2.99"}, false); !errors.As(err, &full) || !strings.Contains(err.Error(), "host0: leaving") {
			t.Errorf("with one host full, and one that leaves: %v, want both reasons", err)
		}
		if started, err := k.Sessions.StartWarm(t.Context(), "host0", false, 9); started || err != nil {
			t.Errorf("StartWarm on a host that leaves = %t, %v", started, err)
		}
		if c, err := k.Sessions.Counts(t.Context()); err != nil || c.Remaining != 0 || c.Sessions != 3 {
			t.Errorf("Counts = %+v, %v; want three sessions, and none that could be had", c, err)
		}
		states, err := k.Sessions.HostStates(t.Context())
		if err != nil || len(states) != 2 || states[1].Host.Name != "host0" || !states[1].Leaving || !strings.HasPrefix(states[1].Why, "leaving") || states[1].Used != 1 {
			t.Errorf("HostStates = %+v, %v; want that host0 comes last, and leaves", states, err)
		}
		k.Hosts[1].SetImage(false)
		k.Pool.CheckHealth(t.Context())
		if err := k.Sessions.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "1 without the image, 1 leaving") {
			t.Errorf("Ready = %v, want that no host takes sessions", err)
		}
	})
}

// TestSettledWaitsForThoseWhoLookedForAHost before it was called, and for nobody else.
func TestSettledWaitsForThoseWhoLookedForAHost(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{Max: 2})
	k.Hosts[0].SetDelay(pretend.OpCreate, 1<<40)
	under := make(chan error)
	go func() { _, _, err := k.Sessions.Allocate(t.Context(), amiga, false); under <- err }()
	eventually(t, "it is being created", func() bool { return k.Hosts[0].Requests(pretend.OpCreate) > 0 })
	settled := make(chan error)
	go func() { settled <- k.Sessions.AwaitStarters(t.Context()) }()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Sessions.AwaitStarters(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("AwaitStarters = %v while a session starts, want that it would wait", err)
	}
	select {
	case err := <-settled:
		t.Fatalf("AwaitStarters = %v while a session starts", err)
	default:
	}
	k.Hosts[0].SetDelay(pretend.OpCreate, 0)
	k.Hosts[0].DropConnections()
	<-under
	if err := <-settled; err != nil {
		t.Error(err)
	}
}
