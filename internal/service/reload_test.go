package service_test

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/service"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestHostThatLeavesIsCleaned: what is used stays and keeps the host; what is idle, what
// waits, and what no session knows goes, and then the host.
func TestHostThatLeavesIsCleaned(t *testing.T) {
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{Hosts: 2, Max: 4, Watch: true})
	k.Config.CleanupTimeout, k.Reaper.Grace = time.Minute, time.Millisecond
	allocate := func(ip string) *session.Session {
		t.Helper()
		s, _, err := k.Sessions.Allocate(t.Context(), session.Client{IP: ip}, false)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	used, idle := allocate("192.0.2.1"), allocate("192.0.2.2")
	if started, err := k.Sessions.StartWarm(t.Context(), "host0", false, 9); !started || err != nil {
		t.Fatalf("StartWarm = %t, %v", started, err)
	}
	if _, err := k.DB.Exec(`UPDATE sessions SET started = '2020-01-01 00:00:00', lastUsed = '2020-01-01 00:00:00' WHERE id = ?`, idle.ID); err != nil {
		t.Fatal(err)
	}
	orphan := map[string]string{"wrpdistributor.database": k.DatabaseID, "wrpdistributor.session": "99", "wrpdistributor.claim": "x"}
	if _, err := k.Hosts[0].ForeignContainer("orphan", orphan, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Pool.Reconfigure(k.Config.Hosts[1:]); err != nil {
		t.Fatal(err)
	}
	r := &service.Reloader{Service: k.Service, Config: k.Config, Cleans: true, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	done := make(chan error)
	go func() { done <- r.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	eventually(t, "only what is used is left", func() bool {
		rows, err := k.Store.OnHost(t.Context(), "host0")
		return err == nil && len(rows) == 1 && rows[0].ID == used.ID && len(k.Hosts[0].Containers()) == 1
	})
	if !slices.Equal(k.Pool.Leaving(), []string{"host0"}) {
		t.Errorf("leaving are %v, want host0 still", k.Pool.Leaving())
	}
	if err := k.Sessions.Stop(t.Context(), session.Client{IP: "192.0.2.1"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the host has left", func() bool { return len(k.Pool.Hosts()) == 1 && k.Hosts[0].OpenConnections() == 0 })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
