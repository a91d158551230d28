package hosts_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
)

// TestRemovalThatNeverEnds: it concerns that container; its host goes on, unless the
// whole engine hangs.
func TestRemovalThatNeverEnds(t *testing.T) {
	const inProgress = "removal of container x is already in progress"
	for _, tt := range []struct {
		name   string
		harm   func(*pretend.Host)
		gently bool
		want   error
		state  hosts.State
	}{
		{"in progress for ever", func(h *pretend.Host) { h.FailNext(pretend.OpRemove, 409, inProgress, 1) }, true, hosts.ErrUnfinished, hosts.Up},
		{"no answer", func(h *pretend.Host) { h.SetDelay(pretend.OpRemove, time.Hour) }, false, hosts.ErrUnfinished, hosts.Up},
		{"no answer to the stop", func(h *pretend.Host) { h.SetDelay(pretend.OpStop, time.Hour) }, true, hosts.ErrUnfinished, hosts.Up},
		{"the engine hangs", func(h *pretend.Host) { h.SetDelay(pretend.OpAll, time.Hour) }, true, hosts.ErrUnreachable, hosts.Unreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := servicetest.StartHosts(t, 1, pretend.Config{})
			p, _ := newPool(t, list, nil)
			s := start(t, p, spec(1, 9090))
			p.CheckHealth(t.Context())
			tt.harm(list[0])
			remove := p.ForceRemove
			if tt.gently {
				remove = p.Remove
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := remove(ctx, s.Ref); !errors.Is(err, tt.want) {
				t.Errorf("Remove = %v, want %v", err, tt.want)
			}
			if st := p.Status()[0]; st.State != tt.state {
				t.Errorf("status = %+v, want %s", st, tt.state)
			}
		})
	}
}
