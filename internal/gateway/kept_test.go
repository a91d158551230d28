package gateway_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/session"
)

// TestFewConnectionsAreKept: those of the sessions that were used last, and of those that
// a request is under way for.
func TestFewConnectionsAreKept(t *testing.T) {
	const sessions, kept = 6, 3
	end := make(chan struct{})
	wrp := func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-end
		}
	}
	simulate(t, gateway.Config{}, wrp, func(t *testing.T, s *simulation) {
		end = make(chan struct{})
		s.gw.SetMaxKept(kept)
		var dials atomic.Int64
		s.gw.SetDial(func(ctx context.Context, _ string, _ int) (net.Conn, error) {
			dials.Add(1)
			return s.container.pipes.dial(ctx)
		})
		run(t, s.gw)
		under := s.begin(t, "/slow") // for session 1
		token := func(id int64) string { return fmt.Sprintf("%040d", id) }
		page := func(id, wantDials int64) {
			t.Helper()
			before := dials.Load()
			wants(t, "a page", s.get(t, "/", token(id)).StatusCode, 200)
			if n := dials.Load() - before; n != wantDials {
				t.Errorf("%d new connections for a page of session %d, want %d", n, id, wantDials)
			}
			time.Sleep(10 * time.Millisecond)
		}
		for id := int64(2); id <= sessions; id++ {
			row := session.Session{ID: id, State: session.Running, Host: "host0", Gateway: true, Token: token(id), Started: time.Now()}
			s.sessions.put(row)
			s.gw.Started(&row)
			page(id, 1)
			page(id, 0)
		}
		time.Sleep(2 * time.Second)
		page(sessions, 0)
		page(sessions-1, 0)
		page(2, 1)
		time.Sleep(2 * time.Second)
		page(sessions, 1) // which was used less than the other two
		close(end)
		wants(t, "the slow page", (<-under).StatusCode, 200)
	})
}
