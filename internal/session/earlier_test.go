package session_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"wrpdistributor/internal/config"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/reaper"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// restoreEmpty makes a database what it was before its first session, as a backup from
// then does. Containers stay.
func restoreEmpty(t *testing.T, k *servicetest.Kit) {
	t.Helper()
	exec(t, k, `DELETE FROM sessions`)
	if k.DB.DriverName() == "mysql" {
		exec(t, k, `ALTER TABLE sessions AUTO_INCREMENT = 1`)
		return
	}
	exec(t, k, `DELETE FROM sqlite_sequence WHERE name = 'sessions'`)
}

// A logBuffer keeps what a manager logs.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write takes a line.
func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// count returns how many lines have all parts.
func (b *logBuffer) count(parts ...string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
lines:
	for line := range strings.Lines(b.text.String()) {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue lines
			}
		}
		n++
	}
	return n
}

// logging returns what k's sessions log from now on.
func logging(k *servicetest.Kit) *logBuffer {
	b := new(logBuffer)
	k.Sessions.SetLog(slog.New(slog.NewTextHandler(b, nil)))
	return b
}

// TestRestoredDatabaseServesFirstClient: containers from after the backup have the
// names of the next ones. Their ids are skipped at once, and never tried again.
func TestRestoredDatabaseServesFirstClient(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Max: 16})
		for i := range 5 {
			mustAllocate(t, k, session.Client{IP: fmt.Sprint("192.0.2.", 100+i), UserAgent: "before"}, true)
		}
		restoreEmpty(t, k)
		log := logging(k)
		s := mustAllocate(t, k, amiga, true)
		if s.ID != 6 || s.Port != 9095 {
			t.Errorf("the client has session %d on port %d, want 6 on 9095, the first that nobody has", s.ID, s.Port)
		}
		wantServing(t, k, s)
		if n := log.count("earlier life", "containers=5", "host=host0"); n != 1 {
			t.Errorf("%d lines say that 5 containers of an earlier life were met, want 1", n)
		}
		if s := mustAllocate(t, k, atari, true); s.ID != 7 {
			t.Errorf("the next client has session %d, want 7", s.ID)
		}
		wantRows(t, k, "running:2")
		must(t, k.Sessions.Stop(t.Context(), atari))
		other := servicetest.Open(t, db, k.Config)
		if s, _, err := other.Sessions.Allocate(t.Context(), st, false); err != nil || s.ID != 9 || s.Port != 9096 {
			t.Errorf("another process gave %+v, %v; want session 9, after one that found its port taken, on 9096", s, err)
		}
		if n := log.count("earlier life"); n != 1 {
			t.Errorf("said %d times, want once", n)
		}
	})
}

// TestRestoredDatabaseWarmsUp: and what has waited since the backup is handed over to
// nobody: it may have been somebody's in between.
func TestRestoredDatabaseWarmsUp(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Max: 16})
		mustStartWarm(t, k, false, 1)
		waited := waiting(t, k)[0]
		mustStartWarm(t, k, false, 2)
		exec(t, k, `DELETE FROM sessions WHERE id = 2`)
		if k.DB.DriverName() == "mysql" {
			exec(t, k, `ALTER TABLE sessions AUTO_INCREMENT = 2`)
		} else {
			exec(t, k, `UPDATE sqlite_sequence SET seq = 1 WHERE name = 'sessions'`)
		}
		k = updated(t, k, func(*config.Config) {})
		log := logging(k)
		mustStartWarm(t, k, false, 2)
		since := waiting(t, k)[1]
		if n := log.count("earlier life", "containers=1"); n != 1 {
			t.Errorf("%d lines say that a container of an earlier life was met, want 1", n)
		}
		if s := mustAllocate(t, k, amiga, true); s.ID != since.ID || s.ID != 3 {
			t.Errorf("the client has session %d, want %d, which was warmed up since, and 3", s.ID, since.ID)
		}
		if s := mustAllocate(t, k, atari, true); s.ContainerID == waited.ContainerID {
			t.Error("the next client got what has waited since before the backup")
		}
	})
}

// TestHostThatInventsContainersReplacesNoOthers: what was started since this process began
// is from no backup, whatever a host has.
func TestHostThatInventsContainersReplacesNoOthers(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Hosts: 2, Max: 16})
		startWarmOn(t, k, "host1")
		warm := waiting(t, k)[0]
		exec(t, k, `UPDATE sessions SET started = `+k.DB.SecondsAgo(), -3600)
		id, err := k.DB.DatabaseID(t.Context())
		must(t, err)
		for _, session := range []int64{warm.ID + 1, 1 << 30} {
			_, err = k.Pool.Create(t.Context(), hosts.Spec{Ref: hosts.Ref{Host: "host0", Name: fmt.Sprintf("wrp_%.8s_%d", id, session), Session: session, Nonce: "n"}, Port: 9099})
			must(t, err)
		}
		log := logging(k)
		startWarmOn(t, k, "host0")
		if n := log.count("earlier life", "containers=1"); n != 1 {
			t.Errorf("%d lines say that a container of an earlier life was met, want 1", n)
		}
		for _, s := range waiting(t, k) {
			if s.Host == "host1" && s.Settings != warm.Settings {
				t.Errorf("what waits on host1 has the settings %q, want %q", s.Settings, warm.Settings)
			}
			if s.ID > 10 {
				t.Errorf("session %d waits, want one of the next ids", s.ID)
			}
		}
	})
}

// TestRestoredDatabaseWithoutSparePorts: clients get the slots whose ports containers
// from after the backup hold as soon as cleanup has removed these, and the one of what
// waits at once.
func TestRestoredDatabaseWithoutSparePorts(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{})
		now := updated(t, k, func(c *config.Config) { c.SparePorts, c.Hosts[0].Max = 0, 2 })
		mustAllocate(t, k, st, true)
		restoreEmpty(t, k)
		exec(t, k, `INSERT INTO sessions (clientIp, clientUserAgent, containerHost, slot, port, token, nonce, wrpContainerId, state, started)
			VALUES ('', '', 'host0', 1, 9091, 't', 'n', 'c', 'warm', `+k.DB.Now()+`)`)
		if s := mustAllocate(t, now, amiga, true); s.Port != 9091 {
			t.Errorf("the first client has port %d, want the one of what waited, 9091", s.Port)
		}
		if _, _, err := now.Sessions.Allocate(t.Context(), atari, false); !isFull(err, "hold all its ports") {
			t.Errorf("Allocate = %v, want no port", err)
		}
		watch(t, now) // not before: it would find that nothing waits
		k.Reaper.Grace = 0
		_, err := k.Reaper.Reconcile(t.Context(), reaper.Options{})
		must(t, err)
		eventually(t, "the port is free again", func() bool {
			_, _, err := now.Sessions.Allocate(t.Context(), atari, false)
			return err == nil
		})
	})
}

// TestForeignNamesCostIDs: containers that are not ours at all, and no more of them
// than is reasonable: then the host is avoided.
func TestForeignNamesCostIDs(t *testing.T) {
	for _, tt := range []struct {
		names int
		host  string
	}{{1, "host0"}, {10, "host0"}, {11, "host1"}} {
		k := newKit(t, databasetest.New(t), servicetest.Options{Hosts: 2})
		id, err := k.DB.DatabaseID(t.Context())
		must(t, err)
		for i := range tt.names {
			_, err := k.Hosts[0].ForeignContainer(fmt.Sprintf("wrp_%.8s_%d", id, i+1), nil, 0)
			must(t, err)
		}
		if s := mustAllocate(t, k, amiga, true); s.Host != tt.host {
			t.Errorf("%d names are taken on host0: the session is on %s, want %s", tt.names, s.Host, tt.host)
		}
		wantRows(t, k, "running:1")
	}
}

// TestAbsurdLabelUsesUpNoIDs: whatever a container says its session is.
func TestAbsurdLabelUsesUpNoIDs(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Max: 4})
		id, err := k.DB.DatabaseID(t.Context())
		must(t, err)
		for name, label := range map[string]int64{fmt.Sprintf("wrp_%.8s_1", id): 1, "xx": 4294967295, "yy": 1 << 40} {
			_, err := k.Pool.Create(t.Context(), hosts.Spec{Ref: hosts.Ref{Host: "host0", Name: name, Session: label, Nonce: "n"}, Port: 9099})
			must(t, err)
		}
		mustAllocate(t, k, amiga, true)
		if s := mustAllocate(t, k, atari, true); s.ID > 10 {
			t.Errorf("the next session is %d, want one of the next ids", s.ID)
		}
	})
}
