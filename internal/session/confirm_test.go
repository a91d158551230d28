package session_test

import (
	"errors"
	"testing"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestConfirmRuns: the host is believed, then the row; silence of both proves nothing.
func TestConfirmRuns(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Gateway: true})
		s := mustAllocate(t, k, amiga, true)
		confirm := func(what string, want error) {
			t.Helper()
			if err := k.Sessions.ConfirmRuns(t.Context(), s); !errors.Is(err, want) {
				t.Errorf("%s: ConfirmRuns = %v, want %v", what, err, want)
			}
		}
		silent := func() { k.Hosts[0].FailNext(pretend.OpInspect, 500, "silent", 1) }
		confirm("it runs", nil)
		exec(t, k, `UPDATE sessions SET state = 'stopping'`)
		confirm("it runs, whatever the row says", nil)
		silent()
		confirm("the engine is silent, the row is stopping", session.ErrNotFound)
		exec(t, k, `UPDATE sessions SET state = 'running'`)
		silent()
		confirm("the engine is silent, the row runs", nil)
		exec(t, k, `UPDATE sessions SET wrpContainerId = 'another'`)
		silent()
		confirm("the engine is silent, the row has another container", session.ErrNotFound)
		k.Hosts[0].KillContainer(s.ContainerID)
		exec(t, k, `UPDATE sessions SET wrpContainerId = '`+s.ContainerID+`'`)
		confirm("it died, whatever the row says", session.ErrNotFound)
		must(t, k.DB.Close())
		silent()
		if err := k.Sessions.ConfirmRuns(t.Context(), s); err == nil || errors.Is(err, session.ErrNotFound) {
			t.Errorf("nobody can be asked: ConfirmRuns = %v", err)
		}
	})
}
