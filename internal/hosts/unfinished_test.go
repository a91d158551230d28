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

// TestContainerThatHangs: whatever the engine does not get done for one container
// concerns that container. Its host goes on, unless the whole engine hangs.
func TestContainerThatHangs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, op string
		do       func(context.Context, *hosts.Pool, hosts.Spec) error
		want     error
	}{
		{"inspect", pretend.OpInspect, func(ctx context.Context, p *hosts.Pool, s hosts.Spec) error {
			_, err := p.Inspect(ctx, s.Ref)
			return err
		}, hosts.ErrUnfinished},
		{"pause", pretend.OpPause, func(ctx context.Context, p *hosts.Pool, s hosts.Spec) error { return p.Pause(ctx, s.Ref) }, hosts.ErrUnfinished},
		{"unpause", pretend.OpUnpause, func(ctx context.Context, p *hosts.Pool, s hosts.Spec) error { return p.Unpause(ctx, s.Ref) }, hosts.ErrUnfinished},
		{"removal", pretend.OpRemove, func(ctx context.Context, p *hosts.Pool, s hosts.Spec) error { return p.ForceRemove(ctx, s.Ref) }, hosts.ErrUnfinished},
		{"stop", pretend.OpStop, func(ctx context.Context, p *hosts.Pool, s hosts.Spec) error { return p.Remove(ctx, s.Ref) }, hosts.ErrUnfinished},
		{"start", pretend.OpStart, func(ctx context.Context, p *hosts.Pool, s hosts.Spec) error { return p.Start(ctx, s.Ref) }, hosts.ErrUncertain},
		{"create", pretend.OpCreate, func(ctx context.Context, p *hosts.Pool, _ hosts.Spec) error {
			_, err := p.Create(ctx, spec(2, 9091))
			return err
		}, hosts.ErrUncertain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			list := servicetest.StartHosts(t, 1, pretend.Config{})
			p, log := newPool(t, list, func(c *hosts.Config) { c.ConnectTimeout = 2 * time.Second })
			s := start(t, p, spec(1, 9090))
			p.CheckHealth(t.Context())
			list[0].SetDelay(tt.op, time.Hour)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if err := tt.do(ctx, p, s); !errors.Is(err, tt.want) || errors.Is(err, hosts.ErrUnreachable) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
			if st := p.Status()[0]; st.State != hosts.Up || log.count("msg", "host down") != 0 {
				t.Errorf("status = %+v, want up", st)
			}
			list[0].SetDelay(pretend.OpAll, time.Hour)
			if tt.op == pretend.OpCreate {
				return // it asks for a sign of life first
			}
			whole, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := tt.do(whole, p, s); errors.Is(err, hosts.ErrUnfinished) || err == nil {
				t.Errorf("the whole engine hangs: error = %v", err)
			}
			eventually(t, "unreachable", func() bool { return p.Status()[0].State == hosts.Unreachable })
		})
	}
}

// TestRefusedContainer: what the engine refuses one container says nothing against the
// host either.
func TestRefusedContainer(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	p, log := newPool(t, list, nil)
	s := spec(1, 9090)
	list[0].FailNext(pretend.OpCreate, 500, "no space left on device", 1)
	if _, err := p.Create(t.Context(), s); err == nil || errors.Is(err, hosts.ErrUncertain) {
		t.Errorf("Create = %v, want the refusal", err)
	}
	id, err := p.Create(t.Context(), s)
	must(t, err)
	s.ID = id
	list[0].FailNext(pretend.OpStart, 500, "OCI runtime create failed", 1)
	if err := p.Start(t.Context(), s.Ref); err == nil || errors.Is(err, hosts.ErrUncertain) {
		t.Errorf("Start = %v, want the refusal", err)
	}
	must(t, p.Start(t.Context(), s.Ref))
	if n := log.count("msg", "host down"); n != 0 {
		t.Errorf("the host was down %d times", n)
	}
}

// TestNoTimeSaysNothing: a container that is not ready when the time of its whole start
// is up, or a caller with no time to wait, says nothing against the host.
func TestNoTimeSaysNothing(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	p, log := newPool(t, list, func(c *hosts.Config) { c.ReadyTimeout = time.Hour })
	list[0].SetReadyAfter(time.Hour)
	s := start(t, p, spec(1, 9090))
	p.CheckHealth(t.Context())
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := p.Ready(ctx, s); err == nil {
		t.Error("a container that does not answer is ready")
	}
	for name, do := range map[string]func() error{
		"inspect": func() error { _, err := p.Inspect(ctx, s.Ref); return err },
		"start":   func() error { return p.Start(ctx, s.Ref) },
		"create":  func() error { _, err := p.Create(ctx, spec(2, 9091)); return err },
		"probe":   func() error { return p.Probe(ctx, s) },
		"dial":    func() error { _, err := p.Dial(ctx, "host0", s.Port); return err },
	} {
		if err := do(); err == nil {
			t.Errorf("%s without time succeeded", name)
		}
	}
	if st := p.Status()[0]; st.State != hosts.Up || log.count("msg", "host down") != 0 {
		t.Errorf("status = %+v, want up", st)
	}
}

// TestReadyWhileEngineHangs: a container that answers is ready, whatever its engine does.
func TestReadyWhileEngineHangs(t *testing.T) {
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	p, _ := newPool(t, list, func(c *hosts.Config) { c.ReadyTimeout = 8 * time.Second })
	list[0].SetReadyAfter(time.Second)
	s := start(t, p, spec(1, 9090))
	list[0].SetDelay(pretend.OpAll, time.Hour)
	must(t, p.Ready(t.Context(), s))
}

// TestRemovalThatNeverEnds: it concerns that container; its host goes on, unless the
// whole engine hangs.
func TestRemovalThatNeverEnds(t *testing.T) {
	const inProgress = "removal of container x is already in progress"
	for _, tt := range []struct {
		name  string
		harm  func(*pretend.Host)
		want  error
		state hosts.State
	}{
		{"in progress for ever", func(h *pretend.Host) { h.FailNext(pretend.OpRemove, 409, inProgress, 1) }, hosts.ErrUnfinished, hosts.Up},
		{"the engine hangs", func(h *pretend.Host) { h.SetDelay(pretend.OpAll, time.Hour) }, hosts.ErrUnreachable, hosts.Unreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := servicetest.StartHosts(t, 1, pretend.Config{})
			p, _ := newPool(t, list, func(c *hosts.Config) { c.ConnectTimeout = 2 * time.Second })
			s := start(t, p, spec(1, 9090))
			p.CheckHealth(t.Context())
			tt.harm(list[0])
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if err := p.Remove(ctx, s.Ref); !errors.Is(err, tt.want) {
				t.Errorf("Remove = %v, want %v", err, tt.want)
			}
			eventually(t, string(tt.state), func() bool { return p.Status()[0].State == tt.state })
		})
	}
}
