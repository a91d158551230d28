package session_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestRunningSessionStaysWhatItIs: while a session runs, its use and whether it is frozen
// are all that any change to its row changes. Gateways know the rest from the first time
// that they read it. And once it was stopped, it never runs again.
func TestRunningSessionStaysWhatItIs(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Gateway: true})
		before := mustAllocate(t, k, amiga, true)
		before.LastUsed = reload(t, k, before.ID).LastUsed
		ctx, st, id := t.Context(), k.Store, before.ID
		warm := *before
		warm.State = session.Warm
		first := func(_ any, err error) error { return err }
		changes := []struct {
			what string
			do   func() error
		}{
			{"MarkStarting", func() error { return first(st.MarkStarting(ctx, id, "another")) }},
			{"Confirm", func() error { return first(st.Confirm(ctx, id)) }},
			{"ConfirmWarm", func() error { return first(st.ConfirmWarm(ctx, id, "others")) }},
			{"Distrust", func() error { return st.Distrust(ctx, id+1, -time.Hour) }},
			{"Take", func() error { return first(st.Take(ctx, &warm, atari, true)) }},
			{"Touch", func() error { return k.Sessions.Touch(ctx, amiga) }},
			{"TouchAll", func() error { return first(st.TouchAll(ctx, []int64{id})) }},
			{"Freeze", func() error { unused(t, k, 60); return first(st.Freeze(ctx, id, time.Minute)) }},
			{"Unfreeze", func() error { return first(st.Unfreeze(ctx, id)) }},
			{"StopOverdue", func() error { return first(st.StopOverdue(ctx, id)) }},
			{"Delete", func() error { return first(st.Delete(ctx, id)) }},
		}
		for _, state := range []session.State{session.Running, session.Stopping} {
			for _, change := range changes {
				what := change.what
				exec(t, k, `UPDATE sessions SET state = ? WHERE id = ?`, state, id)
				err := change.do()
				after, lookErr := k.Store.ByID(ctx, id)
				switch {
				case lookErr != nil && what == "Delete" && state == session.Stopping:
					return // the last of them
				case lookErr != nil:
					t.Fatalf("%s of a %s session: %v", what, state, lookErr)
				case state == session.Running && err != nil:
					t.Errorf("%s: %v", what, err)
				}
				want := *before
				want.State, want.Frozen, want.Started, want.LastUsed, want.Overdue = state, after.Frozen, after.Started, after.LastUsed, after.Overdue
				if diff := cmp.Diff(want, *after); diff != "" {
					t.Errorf("%s of a %s session changes it:\n%s", what, state, diff)
				}
			}
		}
	})
}

// TestGatewaySessions: only those that run, and only behind gateways.
func TestGatewaySessions(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, db *database.DB) {
		k := newKit(t, db, servicetest.Options{Gateway: true, Max: 6})
		var ids []int64
		var tokens []string
		for i := range 5 {
			s := mustAllocate(t, k, session.Client{IP: "192.0.2.1", UserAgent: fmt.Sprint(i)}, true)
			ids, tokens = append(ids, s.ID), append(tokens, s.Token)
		}
		exec(t, k, `UPDATE sessions SET gateway = FALSE WHERE id = ?`, ids[1])
		exec(t, k, `UPDATE sessions SET state = 'stopping', identity = NULL WHERE id = ?`, ids[2])
		exec(t, k, `UPDATE sessions SET frozen = TRUE WHERE id = ?`, ids[3])
		exec(t, k, `DELETE FROM sessions WHERE id = ?`, ids[4])

		briefs, err := k.Store.GatewayBriefs(t.Context())
		must(t, err)
		frozen := make(map[int64]bool)
		for _, b := range briefs {
			frozen[b.ID] = b.Frozen
		}
		if diff := cmp.Diff(map[int64]bool{ids[0]: false, ids[3]: true}, frozen); diff != "" || len(briefs) != 2 {
			t.Errorf("GatewayBriefs = %v (-want +got):\n%s", briefs, diff)
		}
		byID, err := k.Store.GatewaySessions(t.Context(), ids)
		must(t, err)
		byToken, err := k.Store.GatewaySessionsOf(t.Context(), append(tokens, "another"))
		must(t, err)
		want := []session.Session{*reload(t, k, ids[0]), *reload(t, k, ids[3])}
		for what, got := range map[string][]session.Session{"GatewaySessions": byID, "GatewaySessionsOf": byToken} {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
	})
}
