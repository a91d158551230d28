package session_test

import (
	"context"
	"testing"
	"time"

	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/hosts"
	"wrpdistributor/internal/pretend"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

// TestOnlyHostIsTriedAgainWhileBusy: work for others keeps all SSH sessions of the only
// host for longer than a login may take. The client waits for them, and is not refused.
func TestOnlyHostIsTriedAgainWhileBusy(t *testing.T) {
	t.Parallel()
	k := servicetest.New(t, databasetest.New(t), servicetest.Options{
		Pretend: pretend.Config{ForbidSocket: true, MaxSessions: 1}, ConnectTimeout: time.Second, StartTimeout: time.Hour,
	})
	k.Sessions.SetPatient(true)
	h := k.Hosts[0]
	eventually(t, "the host is up", func() bool {
		k.Pool.CheckHealth(t.Context())
		return k.Pool.Status()[0].State == hosts.Up
	})
	h.SetDelay(pretend.OpPull, time.Hour)
	ctx, endPull := context.WithCancel(t.Context())
	defer endPull()
	pulled := make(chan error, 1)
	go func() {
		_, err := k.Pool.Pull(ctx, k.Config.Hosts[0].Name, func(_, _ int64) {})
		pulled <- err
	}()
	eventually(t, "the pull has the only session", func() bool { return h.Requests(pretend.OpPull) > 0 })

	type got struct {
		s   *session.Session
		err error
	}
	allocated := make(chan got, 1)
	go func() {
		s, _, err := k.Sessions.Allocate(t.Context(), amiga, false)
		allocated <- got{s, err}
	}()
	eventually(t, "the client has claimed twice", func() bool { return claims(t, k) > 1 })
	endPull()
	<-pulled
	if g := <-allocated; g.err != nil || g.s.Host != k.Config.Hosts[0].Name {
		t.Errorf("Allocate = %+v, %v; want a session on the host that was busy", g.s, g.err)
	}
}

// claims returns how many there were.
func claims(t *testing.T, k *servicetest.Kit) (n int) {
	t.Helper()
	must(t, k.DB.GetContext(t.Context(), &n, `SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'sessions'`))
	return n
}
