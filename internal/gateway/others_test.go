package gateway_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// counted counts the rows that are read in full because they are new, and how often all
// sessions are listed, and keeps the tokens that are asked for.
type counted struct {
	gateway.Store
	rows, lists int
	tokens      []string
}

// GatewaySessionsOf implements [gateway.Store].
func (c *counted) GatewaySessionsOf(ctx context.Context, tokens []string) ([]session.Session, error) {
	c.tokens = append(c.tokens, tokens...)
	return c.Store.GatewaySessionsOf(ctx, tokens)
}

// GatewayBriefs implements [gateway.Store].
func (c *counted) GatewayBriefs(ctx context.Context) ([]session.Brief, error) {
	c.lists++
	return c.Store.GatewayBriefs(ctx)
}

// GatewaySessions implements [gateway.Store].
func (c *counted) GatewaySessions(ctx context.Context, ids []int64) ([]session.Session, error) {
	list, err := c.Store.GatewaySessions(ctx, ids)
	c.rows += len(list)
	return list, err
}

// eachTwice runs a test with two connections to one database, of each dialect.
func eachTwice(t *testing.T, test func(t *testing.T, here, there *servicetest.Kit, store *counted)) {
	for _, dialect := range []string{"sqlite", "mysql"} {
		t.Run(dialect, func(t *testing.T) {
			cfg := databasetest.Migrated(t, dialect)
			here := servicetest.New(t, databasetest.Open(t, cfg), servicetest.Options{Gateway: true, Max: 8, ConnectTimeout: time.Minute})
			there := &servicetest.Kit{Service: servicetest.Open(t, databasetest.Open(t, cfg), here.Config), Hosts: here.Hosts, Config: here.Config}
			test(t, here, there, &counted{Store: here.Store})
		})
	}
}

// TestNextReloadFindsWhatOthersDid: a session that another process started, stopped, gave
// a waiting container to, or whose row somebody deleted, between two reloads; and of the
// others no row is read again.
func TestNextReloadFindsWhatOthersDid(t *testing.T) {
	t.Parallel()
	eachTwice(t, func(t *testing.T, here, there *servicetest.Kit, store *counted) {
		b := openBench(t, here, options{idle: true, Config: gateway.Config{Store: store}})
		client := func(n int) session.Client {
			return session.Client{IP: "192.0.2.1", UserAgent: fmt.Sprint("client ", n)}
		}
		reload := func(wantRows int, want ...*session.Session) {
			t.Helper()
			store.rows = 0
			must(t, b.gw.Reload(t.Context()))
			var ids []int64
			for _, s := range want {
				ids = append(ids, s.ID)
			}
			if got := b.gw.Routes(); !slices.Equal(got, ids) || store.rows != wantRows {
				t.Errorf("sessions %v with %d rows read, want %v with %d", got, store.rows, ids, wantRows)
			}
		}
		reload(0)
		stopped, deleted, stays := allocate(t, there, client(0)), allocate(t, there, client(1)), allocate(t, there, client(2))
		reload(3, stopped, deleted, stays)
		reload(0, stopped, deleted, stays)

		if ok, err := there.Sessions.StartWarm(t.Context(), "host0", false, 1); err != nil || !ok {
			t.Fatalf("StartWarm = %t, %v", ok, err)
		}
		reload(0, stopped, deleted, stays)
		waiting, err := there.Store.Waiting(t.Context())
		if err != nil || len(waiting) != 1 {
			t.Fatalf("Waiting = %v, %v; want one", waiting, err)
		}

		must(t, there.Sessions.Stop(t.Context(), client(0)))
		_, err = there.DB.ExecContext(t.Context(), `DELETE FROM sessions WHERE id = ?`, deleted.ID)
		must(t, err)
		taken := allocate(t, there, client(3))
		if taken.ID != waiting[0].ID {
			t.Errorf("session %d was started, want %d taken, which waits", taken.ID, waiting[0].ID)
		}
		started := allocate(t, there, client(4))
		reload(2, stays, taken, started)
		for _, tt := range []struct {
			what  string
			token string
			want  int
		}{{"stopped", stopped.Token, 410}, {"deleted", deleted.Token, 410}, {"goes on", stays.Token, 200}, {"taken over", taken.Token, 200}, {"started", started.Token, 200}} {
			wants(t, tt.what, b.get(t, "/", tt.token), tt.want)
		}
		_, err = there.DB.ExecContext(t.Context(), `DELETE FROM sessions`)
		must(t, err)
		reload(0)
	})
}

// TestUnknownTokenIsLookedUpByItself: with those that come meanwhile, whatever they are
// made of; and nothing else is read.
func TestUnknownTokenIsLookedUpByItself(t *testing.T) {
	t.Parallel()
	eachTwice(t, func(t *testing.T, here, there *servicetest.Kit, store *counted) {
		b := openBench(t, here, options{idle: true, Config: gateway.Config{Store: store}})
		s := allocate(t, there, amiga)
		allocate(t, there, session.Client{IP: "192.0.2.1", UserAgent: "another"})
		wants(t, "a guess", b.get(t, "/", unknown), 401)
		tokens := []string{s.Token, s.Token + " x", s.Token[1:], `\`, "' OR '1' = '1"}
		codes := make([]int, len(tokens))
		var asking sync.WaitGroup
		for i, token := range tokens {
			asking.Go(func() { codes[i] = b.get(t, "/", token) })
		}
		for _, token := range []string{"\xff\xfe", "\xed\xa0\x80", strings.Repeat("x", 65)} {
			wants(t, fmt.Sprintf("token %q", token), b.get(t, "/", token), 401)
		}
		asking.Wait()
		if want := []int{200, 401, 401, 401, 401}; !slices.Equal(codes, want) {
			t.Errorf("answers %v to the tokens %q, want %v", codes, tokens, want)
		}
		slices.Sort(store.tokens)
		if want := slices.Sorted(slices.Values(append(tokens, unknown))); !slices.Equal(store.tokens, want) {
			t.Errorf("the database was asked for %q, want %q", store.tokens, want)
		}
		if got := b.gw.Routes(); !slices.Equal(got, []int64{s.ID}) || store.lists+store.rows > 0 {
			t.Errorf("sessions %v, %d lists; want only the one that was asked for, and no list", got, store.lists)
		}
	})
}

// TestFirstReloadFindsAll: of as many as there are, and none is asked for twice.
func TestFirstReloadFindsAll(t *testing.T) {
	const sessions = 1234
	simulate(t, gateway.Config{}, echo, func(t *testing.T, s *simulation) {
		var want []int64
		for id := int64(1); id <= sessions; id++ {
			want = append(want, id)
			s.sessions.put(session.Session{ID: id, State: session.Running, Host: "host0", Gateway: true, Token: fmt.Sprintf("%040d", id)})
		}
		must(t, s.gw.Reload(t.Context()))
		if got := s.gw.Routes(); !slices.Equal(got, want) {
			t.Errorf("%d sessions, want %d", len(got), len(want))
		}
		if n := s.sessions.questions(); n != 1+3 {
			t.Errorf("%d statements, want one for the ids, and three for the rows of 500 each", n)
		}
		must(t, s.gw.Reload(t.Context()))
		if n := s.sessions.questions(); n != 1+3+1 {
			t.Errorf("%d statements after another reload, want one more", n)
		}
	})
}
