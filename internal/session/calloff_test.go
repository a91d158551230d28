package session_test

import (
	"errors"
	"testing"
	"time"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

func wantStopped(t *testing.T, allocated <-chan error) {
	t.Helper()
	if err := <-allocated; !errors.Is(err, session.ErrStopped) {
		t.Errorf("Allocate = %v, want ErrStopped", err)
	}
}

// another returns a second process of the service.
func another(t *testing.T, k *servicetest.Kit) *servicetest.Kit {
	t.Helper()
	other := &servicetest.Kit{Service: servicetest.Open(t, k.DB, k.Config), Hosts: k.Hosts}
	other.Sessions.SetPatient(true)
	other.Pool.AwaitFirstCheck(t.Context())
	return other
}

// TestStopEndsWaitingRequests: a process was killed in the middle of a start; who waits
// until it is overdue, and then sends a DELETE, gets no session after that.
func TestStopEndsWaitingRequests(t *testing.T) {
	k := newKit(t, databasetest.New(t), servicetest.Options{Max: 3})
	mustAllocate(t, k, amiga, true)
	exec(t, k, `UPDATE sessions SET state = 'claimed', wrpContainerId = NULL`)
	waiting := allocating(t, k.Sessions, amiga)
	eventually(t, "the request is under way", func() bool { return k.Sessions.Allocating() == 1 })
	mustAllocate(t, k, atari, true)
	must(t, k.Sessions.Stop(t.Context(), atari)) // which is nothing to the first
	must(t, k.Sessions.Stop(t.Context(), amiga))
	wantStopped(t, waiting)
	wantRows(t, k, "stopping:1")
	if n := k.Sessions.Allocating(); n != 0 {
		t.Errorf("%d clients have requests under way, want none", n)
	}
	mustAllocate(t, k, amiga, true)
}

// TestStopWhileStartIsRolledBack: what failed is not tried elsewhere then, whichever
// process was told.
func TestStopWhileStartIsRolledBack(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Hosts: 2, Max: 2, Strategy: hosts.FillHost, StopTimeout: time.Hour})
		k.Pool.AwaitFirstCheck(t.Context())
		for name, stopper := range map[string]*servicetest.Kit{"here": k, "elsewhere": another(t, k)} {
			t.Run(name, func(t *testing.T) {
				k.Hosts[0].FailNext(pretend.OpStart, 500, "no", 1)
				removals := k.Hosts[0].Requests(pretend.OpRemove)
				release := hold(k.Hosts[0], pretend.OpRemove)
				allocated := allocating(t, k.Sessions, amiga)
				eventually(t, "the start is rolled back", func() bool { return k.Hosts[0].Requests(pretend.OpRemove) > removals })
				stopped := make(chan error, 1)
				go func() { stopped <- stopper.Sessions.Stop(t.Context(), amiga) }()
				eventually(t, "the session is stopped", func() bool { return k.Hosts[0].Requests(pretend.OpRemove) > removals+1 })
				release()
				wantStopped(t, allocated)
				must(t, <-stopped)
				wantRows(t, k, "")
				wantContainers(t, k, 0)
			})
		}
	})
}

// TestStopBeforeSlotIsClaimed: the client has no session yet, and gets none.
func TestStopBeforeSlotIsClaimed(t *testing.T) {
	for _, tt := range []struct {
		name, waitsFor string
		prepare        func(*testing.T, *servicetest.Kit)
	}{
		{"a new one", "SELECT id FROM pool", func(*testing.T, *servicetest.Kit) {}},
		{"one that waits", "UPDATE sessions SET identity", func(t *testing.T, k *servicetest.Kit) { mustStartWarm(t, k, false, 1) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := newKit(t, databasetest.NewMySQL(t), servicetest.Options{})
			tt.prepare(t, k)
			tx, err := k.DB.BeginTxx(t.Context(), nil)
			must(t, err)
			must(t, database.LockPool(t.Context(), tx))
			_, err = tx.ExecContext(t.Context(), `UPDATE sessions SET lastUsed = NULL`)
			must(t, err)
			allocated := allocating(t, k.Sessions, amiga)
			awaitStatement(t, k.DB, tt.waitsFor)
			if err := k.Sessions.Stop(t.Context(), amiga); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("Stop = %v, want ErrNotFound", err)
			}
			must(t, tx.Rollback())
			wantStopped(t, allocated)
			wantRows(t, k, "")
			wantContainers(t, k, 0)
		})
	}
}

// TestContainerOfACalledOffStartIsNoFault: whoever stops the session takes the container
// away, which did nothing wrong. Of one that ended by itself its last words are asked for.
func TestContainerOfACalledOffStartIsNoFault(t *testing.T) {
	for _, tt := range []struct {
		name      string
		end       func(*servicetest.Kit) error
		calledOff int
		reported  bool
	}{
		{"stopped", func(k *servicetest.Kit) error { return k.Sessions.Stop(t.Context(), amiga) }, 1, false},
		{"died", func(k *servicetest.Kit) error { k.Hosts[0].KillContainer(containers(k)[0]); return nil }, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := newKit(t, databasetest.New(t), servicetest.Options{ReadyTimeout: time.Hour, StopTimeout: time.Hour})
			log := logging(k)
			k.Hosts[0].SetReadyAfter(time.Hour)
			allocated := allocating(t, k.Sessions, amiga)
			eventually(t, "its container is waited for", func() bool { return k.Running() == 1 && rows(t, k) == "starting:1" })
			release := hold(k.Hosts[0], pretend.OpRemove)
			ended := make(chan error, 1)
			go func() { ended <- tt.end(k) }()
			eventually(t, "the start has failed", func() bool { return log.count("start called off")+k.Hosts[0].Requests(pretend.OpLogs) > 0 })
			release()
			must(t, <-ended)
			if err := <-allocated; errors.Is(err, session.ErrStopped) != (tt.calledOff > 0) {
				t.Errorf("Allocate = %v", err)
			}
			// A request may be sent twice, over another connection.
			if n, reported := log.count("start called off"), k.Hosts[0].Requests(pretend.OpLogs) > 0; n != tt.calledOff || reported != tt.reported {
				t.Errorf("called off is said %d times, how it ended is reported: %t; want %d, %t", n, reported, tt.calledOff, tt.reported)
			}
		})
	}
}

// TestStoppedAsSoonAsItRuns: whoever stops a session before its client was told of it is
// faster than any test; the database does it here.
func TestStoppedAsSoonAsItRuns(t *testing.T) {
	for name, trigger := range map[string]string{
		"being removed": `UPDATE sessions SET state = 'stopping', identity = NULL WHERE id = NEW.id`,
		"gone":          `DELETE FROM sessions WHERE id = NEW.id`,
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, databasetest.New(t), servicetest.Options{})
			exec(t, k, `CREATE TRIGGER stop_at_once AFTER UPDATE ON sessions WHEN NEW.state = 'running' BEGIN `+trigger+`; END`)
			wantStopped(t, allocating(t, k.Sessions, amiga))
		})
	}
}
