package gateway_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestTokenOpensNoLaterContainer: not the one that took the port when another process
// had stopped the session, though its image asks for no token.
func TestTokenOpensNoLaterContainer(t *testing.T) {
	t.Parallel()
	db := databasetest.New(t)
	list := servicetest.StartHosts(t, 1, pretend.Config{})
	cfg := servicetest.Configure(t, list, servicetest.Options{Max: 1, Gateway: true, ConnectTimeout: time.Minute})
	cfg.Container.Args = nil
	b := openBench(t, &servicetest.Kit{Service: servicetest.Open(t, db, cfg), Hosts: list, Config: cfg}, options{})
	other := openBench(t, &servicetest.Kit{Service: servicetest.Open(t, db, cfg), Hosts: list, Config: cfg}, options{})
	first := allocate(t, b.Kit, amiga)
	wants(t, "a page", b.get(t, "/", first.Token), 200)
	wants(t, "a page through the replica", other.get(t, "/", first.Token), 200)

	must(t, other.Sessions.Stop(t.Context(), amiga))
	second := allocate(t, other.Kit, session.Client{IP: "192.0.2.2", UserAgent: "CAB"})
	if second.Port != first.Port {
		t.Fatalf("the second session has port %d, not %d", second.Port, first.Port)
	}
	for range 3 {
		for _, b := range []*bench{b, other} {
			if got := b.get(t, "/", first.Token); got != 502 && got != 410 {
				t.Errorf("the first token: status = %d, want 502 or 410", got)
			}
			wants(t, "the second token", b.get(t, "/", second.Token), 200)
		}
	}
	wants(t, "the first token", b.get(t, "/", first.Token), 410)
}

// TestForeignProcessOnPortGetsNothing: not a byte of a request, nor its token.
func TestForeignProcessOnPortGetsNothing(t *testing.T) {
	t.Parallel()
	b, s := newUpstream(t, options{}, func(http.ResponseWriter, *http.Request) { t.Error("the foreign process is asked") })
	b.Hosts[0].KillContainer(s.ContainerID)
	wants(t, "a page", b.get(t, "/", s.Token), 502)
	wants(t, "the next", b.get(t, "/", s.Token), 410)
	eventually(t, "the slot free", func() bool { return state(t, b.Kit, s.ID) == "" })
}

// TestKeptConnectionNeedsNoLook: one is kept for as long as the session lives, so that
// pages go on while nobody can be asked.
func TestKeptConnectionNeedsNoLook(t *testing.T) {
	simulate(t, gateway.Config{}, echo, func(t *testing.T, s *simulation) {
		dials := 0
		s.gw.SetDial(func(ctx context.Context, _ string, _ int) (net.Conn, error) {
			dials++
			return s.container.pipes.dial(ctx)
		})
		wants(t, "a page", s.get(t, "/", s.token).StatusCode, 200)
		s.sessions.confirm = errors.New("nobody answers")
		s.sessions.setDown(true)
		for range 3 {
			time.Sleep(time.Hour)
			wants(t, "a page later", s.get(t, "/", s.token).StatusCode, 200)
		}
		if dials != 1 {
			t.Errorf("%d connections, want 1", dials)
		}
	})
}

// TestConnectionThatCannotBeConfirmedIsNotUsed: it may lead to another's container.
func TestConnectionThatCannotBeConfirmedIsNotUsed(t *testing.T) {
	simulate(t, gateway.Config{}, func(http.ResponseWriter, *http.Request) { t.Error("the container is asked") }, func(t *testing.T, s *simulation) {
		s.gw.SetDial(func(ctx context.Context, _ string, _ int) (net.Conn, error) {
			s.sessions.confirm = errDown // asked before, it would have been right
			return s.container.pipes.dial(ctx)
		})
		a := s.get(t, "/", s.token)
		if a.StatusCode != 503 || a.Header.Get("Retry-After") != "1" {
			t.Errorf("%d %v, want 503 with Retry-After", a.StatusCode, a.Header)
		}
	})
}

// TestDeathClosesRouteAtOnce: whatever the row says, or that there is none.
func TestDeathClosesRouteAtOnce(t *testing.T) {
	t.Parallel()
	for _, change := range []string{"DELETE FROM sessions", "UPDATE sessions SET state = 'stopping'", "DROP TABLE sessions"} {
		b := newBench(t, databasetest.New(t), options{Config: gateway.Config{DrainTimeout: time.Minute}})
		s := allocate(t, b.Kit, amiga)
		under := b.download(t, s.Token, 1<<30)
		_, err := b.DB.ExecContext(t.Context(), change)
		must(t, err)
		died := hosts.Event{Host: s.Host, Action: hosts.Died, Container: hosts.Container{ID: "another", Session: s.ID}}
		b.Sessions.HandleEvent(t.Context(), died)
		wants(t, "after another container's death", b.get(t, "/", s.Token), 200)
		died.Container.ID = s.ContainerID
		b.Sessions.HandleEvent(t.Context(), died)
		wants(t, "after "+change+" and its death", b.get(t, "/", s.Token), 410)
		if _, err := io.Copy(io.Discard, under.Body); err == nil {
			t.Error("a download that was cut looks complete")
		}
	}
}
