package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

func exec(t *testing.T, k *servicetest.Kit, query string, args ...any) {
	t.Helper()
	if _, err := k.DB.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

// TestDecision07Limits: a host never gets more than its limit, whatever rows
// above a lowered limit are still there.
func TestDecision07Limits(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Max: 2})
		mustAllocate(t, k, amiga, true)
		exec(t, k, `UPDATE sessions SET slot = 7, port = 9097`) // from when the limit was higher
		if s := mustAllocate(t, k, atari, true); s.Slot >= 2 {
			t.Errorf("slot = %d, want one below the limit", s.Slot)
		}
		if _, _, err := k.Sessions.Allocate(t.Context(), st, false); !isFull(err, "full 2/2") {
			t.Errorf("Allocate = %v, want full: rows count in whatever slot", err)
		}
	})
}

// TestDecision09StoppingKeepsSlot: the slot of a container that is not proven
// gone is not given again, while its client is free.
func TestDecision09StoppingKeepsSlot(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Max: 1})
	mustAllocate(t, k, amiga, true)
	must(t, k.Hosts[0].SetDown(true))
	if err := k.Sessions.Stop(t.Context(), amiga); !errors.Is(err, hosts.ErrUnreachable) {
		t.Fatalf("Release = %v, want ErrUnreachable", err)
	}
	must(t, k.Hosts[0].SetDown(false))
	k.Pool.CheckHealth(t.Context())
	if _, _, err := k.Sessions.Allocate(t.Context(), amiga, false); !isFull(err, "full 1/1") {
		t.Errorf("Allocate = %v, want full: the old container may still run", err)
	}
	if _, err := k.Reaper.Reconcile(t.Context(), reaper.Options{}); err != nil {
		t.Fatal(err)
	}
	mustAllocate(t, k, amiga, true)
}

// TestDecision12DatabaseClock: the database's clock is an hour behind ours, and
// nothing notices.
func TestDecision12DatabaseClock(t *testing.T) {
	cfg := databasetest.Config(t, "mysql")
	cfg.MySQL = cfg.MySQL.Clone()
	cfg.MySQL.Params = map[string]string{"timestamp": fmt.Sprint(time.Now().Add(-time.Hour).Unix())}
	k := servicetest.New(t, databasetest.Open(t, cfg), servicetest.Options{})
	mustAllocate(t, k, amiga, true)
	r, err := k.Reaper.Reconcile(t.Context(), reaper.Options{Idle: 10 * time.Minute})
	if err != nil || r.Stopped != 0 {
		t.Errorf("a session of this minute was reaped: %+v, %v", r, err)
	}
	exec(t, k, `UPDATE sessions SET lastUsed = `+k.DB.SecondsAgo(), 601)
	r, err = k.Reaper.Reconcile(t.Context(), reaper.Options{Idle: 10 * time.Minute})
	if err != nil || r.Stopped != 1 {
		t.Errorf("an idle session was not reaped: %+v, %v", r, err)
	}
}

// TestDecision13Waiting: a PUT that finds a start of its client waits for it,
// takes over when it is given up, and starts itself when it failed.
func TestDecision13Waiting(t *testing.T) {
	for _, tt := range []struct {
		name  string
		then  string // what becomes of the other start
		fresh bool
	}{
		{"runs", `UPDATE sessions SET state = 'running'`, false},
		{"fails", `DELETE FROM sessions`, true},
		{"is too old", `UPDATE sessions SET started = '2001-01-01 00:00:00'`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
			mustAllocate(t, k, amiga, true)
			exec(t, k, `UPDATE sessions SET state = 'starting'`)
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, fresh, err := k.Sessions.Allocate(t.Context(), amiga, false)
				if err != nil || fresh != tt.fresh {
					t.Errorf("Allocate: fresh = %t, %v; want %t", fresh, err, tt.fresh)
				}
			}()
			select {
			case <-done:
				t.Fatal("Allocate did not wait for the other start")
			case <-time.After(150 * time.Millisecond): // longer than it polls
			}
			exec(t, k, tt.then)
			<-done
		})
	}
}

// TestDecision16Abandon: a session whose 202 could not be written is stopped,
// but not if the client asked again meanwhile and was told of it.
func TestDecision16Abandon(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	lost := mustAllocate(t, k, amiga, true)
	mustAllocate(t, k, amiga, false)
	must(t, k.Sessions.StopUnused(t.Context(), lost))
	wantRows(t, k, "running:1")
	must(t, k.Sessions.Stop(t.Context(), amiga))
	must(t, k.Sessions.StopUnused(t.Context(), mustAllocate(t, k, amiga, true)))
	wantRows(t, k, "")
}

// TestDecision30Counts: what the status page counts.
func TestDecision30Counts(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Hosts: 2, Max: 3})
		for _, c := range []session.Client{amiga, atari, st} {
			mustAllocate(t, k, c, true)
		}
		exec(t, k, `UPDATE sessions SET state = 'stopping', identity = NULL WHERE slot = 0`)
		exec(t, k, `UPDATE sessions SET state = 'starting' WHERE slot = 1`)
		got, err := k.Sessions.Counts(t.Context())
		if err != nil || got.Sessions != 2 || got.Containers != 1 || got.Remaining != 3 || got.PerHost["host0"] != 2 {
			t.Errorf("Counts = %+v, %v; want 2 sessions, 1 container, 3 remaining, 2 on host0", got, err)
		}
	})
}

// TestDecision33TakenOver: a session of the PHP program has no token, no label
// and another name, and works all the same.
func TestDecision33TakenOver(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{})
	takeOver := func() *session.Session {
		c, err := k.Hosts[0].ForeignContainer("wrp_session_1", nil, 9090)
		must(t, err)
		exec(t, k, `INSERT INTO sessions (clientIp, clientUserAgent, identity, wrpContainerId, containerHost, slot, port, state, started)
			VALUES (?, ?, ?, ?, 'host0', 0, 9090, 'running', `+k.DB.Now()+`)`, amiga.IP, amiga.UserAgent, database.Identity(amiga.IP, amiga.UserAgent), c.ID)
		return mustAllocate(t, k, amiga, false)
	}
	if s := takeOver(); s.Token != "" || s.Port != 9090 {
		t.Errorf("session = %+v, want no token and port 9090", s)
	}
	if r, err := k.Reaper.Reconcile(t.Context(), reaper.Options{Idle: time.Hour}); err != nil || r.Stopped != 0 {
		t.Errorf("a pass ended it: %+v, %v", r, err)
	}
	must(t, k.Sessions.Stop(t.Context(), amiga))
	if n := len(k.Hosts[0].Containers()); n != 0 {
		t.Errorf("%d containers are left after Release", n)
	}
	s := takeOver()
	k.Hosts[0].KillContainer(s.ContainerID)
	if fresh := mustAllocate(t, k, amiga, true); get(t, k, fresh, fresh.Token) != http.StatusOK {
		t.Error("the fresh session does not work")
	}
}

// TestDrain: a drained host takes no new sessions and keeps its own.
func TestDrain(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := servicetest.New(t, db, servicetest.Options{Hosts: 2, Max: 1})
		mustAllocate(t, k, amiga, true)
		for _, reason := range []string{"kernel", "new kernel"} {
			must(t, k.Store.Drain(t.Context(), "host1", reason))
		}
		mustAllocate(t, k, amiga, false)
		if _, _, err := k.Sessions.Allocate(t.Context(), atari, false); !isFull(err, "host1: draining: new kernel") || !isFull(err, "host0: full 1/1") {
			t.Errorf("Allocate = %v, want both reasons", err)
		}
		was, err := k.Store.Undrain(t.Context(), "host1")
		if again, _ := k.Store.Undrain(t.Context(), "host1"); !was || again || err != nil {
			t.Errorf("Undrain = %t, then %t, %v", was, again, err)
		}
		if s := mustAllocate(t, k, atari, true); s.Host != "host1" {
			t.Errorf("session is on %s, want host1", s.Host)
		}
	})
}
